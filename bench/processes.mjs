/** The peers, and the process in which each is measured: requests are lines of JSON on its input, replies come on descriptor 3. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {'ours' | 'js' | 'native'} kind native code is a ceiling, not a peer
 * @property {string} [python] module in peers/, for a peer in Python; the others are peers/NAME.mjs
 */

/** Peers that compute on WebGPU too. */
export const gpuPeers = ['cotangent', 'jax-js', 'tfjs']

/** @type {readonly Peer[]} */
export const allPeers = [
  { name: 'cotangent', kind: 'ours' },
  { name: 'jax-js', kind: 'js' },
  { name: 'tfjs', kind: 'js' },
  { name: 'onnxruntime-web', kind: 'js' },
  { name: 'onnxruntime-node', kind: 'native' },
  { name: 'jax', kind: 'native', python: 'jax_peer' },
  { name: 'torch', kind: 'native', python: 'torch_peer' },
]

/**
 * @typedef {object} Settings
 * @property {string} node
 * @property {string} python
 * @property {string} dist
 * @property {number} threads
 * @property {number} warmup
 * @property {number} timeout
 * @property {string} device wasm or webgpu
 * @property {NodeJS.ProcessEnv} env
 */

/** @type {(name: string) => string} */
const pathOf = (name) => fileURLToPath(new URL(name, import.meta.url))

/** One peer's process. It must be closed. */
export class PeerProcess {
  /** @type {string[]} */
  #errors = []
  /** @type {import('node:child_process').ChildProcess} */
  #child
  /** @type {((reply: any) => void)[]} */
  #waiting = []
  #timeout

  /**
   * @param {Peer} peer
   * @param {Settings} settings
   */
  constructor(peer, { node, python, timeout, env }) {
    this.#timeout = timeout
    this.peer = peer
    const [command, args] = peer.python
      ? [python, [pathOf('peers/measure.py'), peer.python]]
      : [node, [pathOf('measure.mjs'), peer.name]]
    this.#child = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe', 'pipe'], env })
    const [stdin, , stderr, channel] = this.#child.stdio
    stdin?.on('error', () => {}) // The end of the process says more.
    stderr?.on('data', (data) => this.#errors.push(String(data)))
    if (channel && 'read' in channel)
      createInterface({ input: channel }).on('line', (line) => this.#waiting.shift()?.(JSON.parse(line)))
    this.#child.on('error', (error) => this.#fail(error.message))
    this.#child.on('exit', (code, signal) => this.#fail(this.#lastWords(signal ?? `exit code ${code}`)))
  }

  /** @type {(end: string) => string} */
  #lastWords(end) {
    const lines = this.#errors.join('').trim().split('\n')
    return `${lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? ''} (${end})`.trim()
  }

  /** @type {(message: string) => void} */
  #fail(message) {
    for (const resolve of this.#waiting.splice(0)) resolve({ failed: message })
    this.dead = message
  }

  /**
   * The reply to a request; `{ failed }` when there is an error, no process, or no reply in time.
   * @type {(request: object) => Promise<any>}
   */
  ask(request) {
    if (this.dead !== undefined) return Promise.resolve({ failed: this.dead })
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL')
        this.#fail(`no answer within ${this.#timeout / 1000} s`)
      }, this.#timeout)
      this.#waiting.push((reply) => {
        clearTimeout(timer)
        resolve(reply)
      })
      this.#child.stdin?.write(`${JSON.stringify(request)}\n`)
    })
  }

  /** Ends the process. */
  async close() {
    if (this.dead !== undefined) return
    await new Promise((resolve) => {
      this.#child.once('exit', resolve)
      this.#child.stdin?.end()
      setTimeout(() => this.#child.kill('SIGKILL'), 3000).unref()
    })
  }

  /**
   * A process whose library is loaded; `failed` says why it is not.
   * @param {Peer} peer
   * @param {Settings} settings
   * @returns {Promise<{ process: PeerProcess, versions: Record<string, string>, failed?: string }>}
   */
  static async start(peer, settings) {
    const process = new PeerProcess(peer, settings)
    const { dist, threads, warmup, device } = settings
    const { versions = {}, failed } = await process.ask({ start: { dist, threads, warmup, device } })
    return { process, versions, ...(failed === undefined ? {} : { failed }) }
  }
}
