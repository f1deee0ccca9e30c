/** The digits as files that the page fetches, and as pictures with what the network takes them for. */
import { type NDArray, data } from 'cotangent'

const fetched = async (name: string): Promise<NDArray> => {
  const response = await fetch(`./mnist/${name}`)
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`)
  return data.parseIdx(new Uint8Array(await response.arrayBuffer()))
}

const fetchPart = async (part: 'train' | 't10k'): Promise<data.LabeledImages> => {
  const [images, labels] = await Promise.all([
    fetched(`${part}-images-idx3-ubyte`),
    fetched(`${part}-labels-idx1-ubyte`),
  ])
  return { images, labels: labels.astype('int32') }
}

/** The training and the test images, on the default device. */
export const fetchMnist = async (): Promise<data.Mnist> => {
  const [train, test] = await Promise.all([fetchPart('train'), fetchPart('t10k')])
  return { train, test }
}

const side = 28

/** Paints one image, 28 by 28 gray levels of which 255 is ink. */
const paint = (canvas: HTMLCanvasElement, pixels: ArrayLike<number>): void => {
  canvas.width = side
  canvas.height = side
  const context = canvas.getContext('2d')
  if (context === null) return
  const image = context.createImageData(side, side)
  for (let i = 0; i < side * side; i++) {
    const gray = 255 - (pixels[i] ?? 0)
    image.data.set([gray, gray, gray, 255], 4 * i)
  }
  context.putImageData(image, 0, 0)
}

/** Shows images in a list of pictures; the function that it gives writes answers under them. */
export const showDigits = async (
  place: Element,
  { images, labels }: data.LabeledImages,
): Promise<(answers: ArrayLike<number>) => void> => {
  const [pixels, truth] = await Promise.all([images.data(), labels.data()])
  const captions = Array.from(truth, () => document.createElement('span'))
  place.replaceChildren(
    ...captions.map((caption, i) => {
      const canvas = document.createElement('canvas')
      paint(canvas, pixels.slice(i * side * side, (i + 1) * side * side))
      const item = document.createElement('div')
      item.append(canvas, caption)
      return item
    }),
  )
  return (answers) =>
    captions.forEach((caption, i) => {
      caption.textContent = String(answers[i])
      caption.className = answers[i] === truth[i] ? 'right' : 'wrong'
    })
}
