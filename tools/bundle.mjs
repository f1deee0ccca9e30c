/**
 * Bundles dist/esm/, a module for each source file, for Node: dist/NAME.js for every front door, and dist/node/ for what they share.
 * Node spends more time on reading 500 files than on anything that a short program computes. Nothing is minified: that would save an
 * eighth of the time, and cost the names and lines that errors show.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { rolldown } from 'rolldown'
import { Visitor, parseSync } from 'vite'

const { exports: subpaths } = JSON.parse(readFileSync('package.json', 'utf8'))
const modules = resolve('dist', 'esm')

/**
 * Code in which arrow functions that are inside of no other are function expressions. V8 passes over the body of one until it is
 * called. In a module it reads that of an arrow function at once, and holds all of them in memory together: 16 MB on Node 20.
 * @type {(code: string) => string}
 */
const withFunctions = (code) => {
  /** @type {string[]} */
  const out = []
  let copied = 0
  /** @type {(start: number, end: number, text: string) => void} */
  const replace = (start, end, text) => {
    out.push(code.slice(copied, start), text)
    copied = end
  }
  /** The functions and classes around a node, and whether one has, anywhere inside, what may mean something of those around it. */
  /** @type {{ isBound: boolean }[]} */
  const around = []
  const enter = () => void around.push({ isBound: false })
  const leave = () => void around.pop()
  const bind = () => around.forEach((each) => (each.isBound = true))
  new Visitor({
    FunctionDeclaration: enter,
    'FunctionDeclaration:exit': leave,
    FunctionExpression: enter,
    'FunctionExpression:exit': leave,
    ClassBody: enter,
    'ClassBody:exit': leave,
    ThisExpression: bind,
    Super: bind,
    MetaProperty: ({ meta }) => void (meta.name === 'new' && bind()),
    Identifier: ({ name }) => void (name === 'arguments' && bind()),
    ArrowFunctionExpression: enter,
    'ArrowFunctionExpression:exit': ({ start, async, body }) => {
      const { isBound } = around.pop() ?? {}
      if (around.length > 0 || isBound === true) return
      const head = code.slice(start, code.lastIndexOf('=>', body.start)).trim()
      const parameters = async ? head.replace(/^async\s*/, '') : head
      const keyword = `${/[\w$]/.test(code[start - 1] ?? '') ? ' ' : ''}${async ? 'async ' : ''}function`
      const isBlock = body.type === 'BlockStatement'
      replace(
        start,
        body.start,
        `${keyword} ${parameters.startsWith('(') ? parameters : `(${parameters})`} ${isBlock ? '' : '{ return '}`,
      )
      if (!isBlock) replace(body.end, body.end, ' }')
    },
  }).visit(parseSync('chunk.js', code).program)
  return out.join('') + code.slice(copied)
}

/**
 * Code without letters beyond ASCII: one of them, and V8 keeps the whole file in two bytes a letter. There are none outside of strings.
 * @type {(code: string) => string}
 */
const inAscii = (code) =>
  code.replaceAll(/[\u0080-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** @type {(target: string) => string} */
const doorOf = (target) => target.replace(/^\.\/dist\/(.*)\.js$/, '$1')
const doors = Object.values(subpaths).flatMap((subpath) => (subpath.node === undefined ? [] : [doorOf(subpath.node)]))
/** What the front doors share: all but themselves and what they install, and what is loaded when asked for. */
const shared = /^(?:exports|gpu|init|parts|vocabulary)\.js$|^(?!core\/index|testing|backends\/webgpu).*\//
const fpTs = 'node_modules/fp-ts'

/**
 * The helper that makes namespaces (`numpy`, `lax`), with a way to look at them: Node prints their getters as `[Getter]`, and not what
 * they get.
 * @type {(code: string) => string}
 */
const withInspection = (code) => {
  const end = '\treturn target;'
  if (code.split(end).length !== 2) throw new Error('the helper of rolldown is not what it was; see withInspection')
  const inspect = "Symbol.for('nodejs.util.inspect.custom')"
  return code.replace(end, `\t__defProp(target, ${inspect}, { value: () => ({ ...target }) });\n${end}`)
}

const bundle = await rolldown({
  input: Object.fromEntries(doors.map((door) => [door, join(modules, `${door}.js`)])),
  external: ['webgpu', 'fast-check'],
  platform: 'neutral',
  // fp-ts/lib is CommonJS, 60 files of which took Node 20 longer to load than all of this library, and cannot be taken apart.
  resolve: { alias: { 'fp-ts/lib': resolve(fpTs, 'es6') } },
})
await bundle.write({
  dir: 'dist',
  format: 'es',
  entryFileNames: '[name].js',
  chunkFileNames: 'node/[name].js',
  // Modules may use the same names; their functions keep them.
  keepNames: true,
  comments: { legal: true, annotation: true, jsdoc: false },
  banner: ({ name }) =>
    name === 'cotangent' ? `/*! Contains parts of fp-ts.\n\n${readFileSync(`${fpTs}/LICENSE`, 'utf8')}*/` : '',
  codeSplitting: {
    groups: [
      {
        name: 'cotangent',
        test: (id) => id.startsWith(modules) && shared.test(id.slice(modules.length + 1).replaceAll('\\', '/')),
      },
    ],
  },
  plugins: [
    {
      name: 'for-v8',
      generateBundle: (_, files) => {
        for (const file of Object.values(files))
          if (file.type === 'chunk') {
            if (file.name === 'rolldown-runtime') file.code = withInspection(file.code)
            file.code = inAscii(withFunctions(file.code))
          }
      },
    },
  ],
})
await bundle.close()
