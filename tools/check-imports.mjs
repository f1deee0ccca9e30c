/**
 * Checks which way imports point in src/, that nothing imports in a circle, and what is imported from outside.
 *
 *     node tools/check-imports.mjs [folder]
 *
 * Exit code 0: all is well; 1: violations, one a line as file:line; 2: no module was read, so nothing was checked.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { parseSync } from 'vite'

/** The rooms and the rooms that each may import, besides itself. */
const rooms = {
  core: [],
  scalar: ['core'],
  lax: ['core', 'scalar'],
  transforms: ['core', 'lax'],
  numpy: ['core', 'lax', 'transforms'],
  random: ['core', 'lax', 'transforms', 'numpy'],
  scipy: ['core', 'lax', 'transforms', 'numpy', 'random'],
  nn: ['core', 'lax', 'transforms', 'numpy', 'random'],
  losses: ['core', 'lax', 'transforms', 'numpy', 'nn'],
  stax: ['core', 'lax', 'transforms', 'numpy', 'random', 'nn', 'losses'],
  optim: ['core', 'lax', 'transforms', 'numpy', 'random'],
  compiler: ['core'],
  'backends/js': ['core', 'scalar', 'compiler'],
  'backends/common': [],
  'backends/wasm': ['core', 'scalar', 'compiler', 'backends/common'],
  'backends/webgpu': ['core', 'scalar', 'compiler', 'backends/common'],
  io: ['core', 'numpy'],
  data: ['core', 'numpy', 'random', 'io'],
  fp: ['core', 'numpy'],
  testing: ['*'],
}

/** Modules at the root of src/, such as index.ts: they may import every room, and no room imports them. */
const frontDoor = 'the front door'

/** What may come from outside, into which rooms, and how; all else is forbidden. */
const externals = [
  { pattern: /^fp-ts\/lib\/\w+\.js$/, rooms: ['*'], kinds: ['static', 'erased', 'dynamic', 'type'] },
  // fp-ts keeps the types of its higher-kinded encoding outside of lib/; there is no such module at run time.
  { pattern: /^fp-ts\/HKT\.js$/, rooms: ['fp'], kinds: ['erased'] },
  { pattern: /^fast-check$/, rooms: ['testing'], kinds: ['static', 'erased', 'dynamic', 'type'] },
  // Dawn, the WebGPU of Chromium: for Node, which has none.
  { pattern: /^webgpu$/, rooms: ['backends/webgpu'], kinds: ['dynamic'] },
  // Types only: bundlers for pages refuse imports of Node's modules, whether they are reached or not.
  { pattern: /^node:/, rooms: ['io', 'data'], kinds: ['erased', 'type'] },
]

/**
 * @typedef {{ specifier: string, kind: 'static' | 'erased' | 'dynamic' | 'type', line: number }} Reference a module named in a file; `import type` is erased
 * @typedef {{ from: string, to: string, line: number }} Edge an import inside src/; paths are relative to it
 */

/** @type {string[]} */
const violations = []
const root = resolve(process.argv[2] ?? 'src')
const shown = relative(process.cwd(), root).split(sep).join('/')

/** @type {(file: string, line: number, message: string) => void} */
const report = (file, line, message) => void violations.push(`${shown}/${file}:${line}: ${message}`)

/** @type {(file: string) => string | undefined} */
const roomOf = (file) =>
  file.includes('/') ? Object.keys(rooms).find((room) => file.startsWith(`${room}/`)) : frontDoor

/** @type {(allowed: readonly string[], room: string) => boolean} */
const includes = (allowed, room) => allowed.includes('*') || allowed.includes(room)

/**
 * Every module that a file names: imports, re-exports, `import()` of values and of types, `require`.
 * @type {(file: string, text: string) => Reference[]}
 */
const referencesOf = (file, text) => {
  /** @type {Reference[]} */
  const references = []
  /** @type {(offset: number) => number} */
  const lineAt = (offset) => text.slice(0, offset).split('\n').length
  /** @type {(kind: Reference['kind'], literal: any, offset: number) => void} */
  const add = (kind, literal, offset) => {
    if (typeof literal?.value === 'string') references.push({ specifier: literal.value, kind, line: lineAt(offset) })
    else report(file, lineAt(offset), 'the name of an imported module must be a plain string')
  }
  const { program, errors } = parseSync(file, text)
  for (const error of errors) report(file, 1, `cannot be parsed: ${error.message}`)
  /** @type {(node: any) => void} */
  const visit = (node) => {
    if (node === null || typeof node !== 'object') return
    if (Array.isArray(node)) return node.forEach(visit)
    switch (node.type) {
      case 'ImportDeclaration':
        return add(node.importKind === 'type' ? 'erased' : 'static', node.source, node.start)
      case 'ExportAllDeclaration':
        return add('static', node.source, node.start)
      case 'ExportNamedDeclaration':
        if (node.source) add('static', node.source, node.start)
        break
      case 'ImportExpression':
        add('dynamic', node.source, node.start)
        break
      case 'TSImportType':
        add('type', node.source, node.start)
        break
      case 'TSExternalModuleReference':
        return add('static', node.expression, node.start)
      case 'CallExpression':
        if (node.callee.type === 'Identifier' && node.callee.name === 'require')
          add('static', node.arguments[0], node.start)
    }
    Object.values(node).forEach(visit)
  }
  visit(program)
  // A directive for a `lib` names declarations of the language, no module.
  for (const match of text.matchAll(/^\s*\/\/\/\s*<reference\b(?!\s+lib\b)/gm))
    report(file, lineAt(match.index + match[0].length), 'reference directives reach around the rules: import instead')
  return references
}

/**
 * Checks one reference against the tables; gives the edge if it stays inside src/.
 * @type {(file: string, room: string, reference: Reference) => Edge | undefined}
 */
const follow = (file, room, { specifier, kind, line }) => {
  if (!specifier.startsWith('.')) {
    const rule = externals.find(({ pattern }) => pattern.test(specifier))
    if (!rule || !(room === frontDoor ? rule.rooms.includes('*') : includes(rule.rooms, room)))
      report(file, line, `${room} may not import '${specifier}' from outside`)
    else if (!rule.kinds.includes(kind)) {
      const how = rule.kinds.includes('dynamic') ? 'by import()' : 'as a type'
      report(file, line, `'${specifier}' may only be imported ${how}`)
    }
    return undefined
  }
  const path = join(root, dirname(file), specifier.replace(/\.js$/, '.ts'))
  const to = relative(root, path).split(sep).join('/')
  if (!specifier.endsWith('.js') || to.startsWith('../') || !existsSync(path)) {
    report(file, line, `'${specifier}' is not a module of ${shown}/ (write ./name.js for name.ts)`)
    return undefined
  }
  const target = roomOf(to)
  const allowed = room === frontDoor ? ['*', frontDoor] : rooms[/** @type {keyof typeof rooms} */ (room)]
  if (target !== undefined && target !== room && (target === frontDoor || !includes(allowed, target)))
    report(
      file,
      line,
      `${room} may not import ${target} ('${specifier}'); it may import: ${allowed.join(', ') || 'nothing'}`,
    )
  return { from: file, to, line }
}

/**
 * The circles among some edges: through each node of one a shortest circle, unless a circle found before has it.
 * @type {(edges: readonly Edge[]) => { first: Edge, nodes: string[] }[]}
 */
const circles = (edges) => {
  /** @type {Map<string, Edge[]>} */
  const outgoing = new Map()
  for (const edge of edges) outgoing.set(edge.from, [...(outgoing.get(edge.from) ?? []), edge])
  /** @type {{ first: Edge, nodes: string[] }[]} */
  const found = []
  for (const start of outgoing.keys()) {
    if (found.some(({ nodes }) => nodes.includes(start))) continue
    // Breadth first until `start` is reached again; then back along the edges by which each node was first reached.
    /** @type {Map<string, Edge>} */
    const arrival = new Map()
    const queue = [start]
    for (const node of queue)
      for (const edge of outgoing.get(node) ?? [])
        if (!arrival.has(edge.to)) {
          arrival.set(edge.to, edge)
          queue.push(edge.to)
        }
    /** @type {Edge[]} */
    const circle = []
    for (let edge = arrival.get(start); edge; edge = edge.from === start ? undefined : arrival.get(edge.from))
      circle.unshift(edge)
    const [first] = circle
    if (first) found.push({ first, nodes: circle.map(({ to }) => to) })
  }
  return found
}

const files = existsSync(root)
  ? readdirSync(root, { recursive: true, encoding: 'utf8' })
      .map((file) => file.split(sep).join('/'))
      .sort()
  : []
const modules = files.filter((file) => file.endsWith('.ts'))
if (modules.length === 0) {
  console.error(`check-imports: no module (*.ts) in ${root}, so nothing was checked`)
  process.exit(2)
}
for (const file of files)
  if (/\.([cm]?jsx?|[cm]ts|tsx)$/.test(file)) report(file, 1, 'modules of the library are .ts files')

/** @type {Edge[]} */
const edges = []
for (const file of modules) {
  const room = roomOf(file)
  if (room === undefined) report(file, 1, 'this folder is not in the table of rooms in tools/check-imports.mjs')
  else
    for (const reference of referencesOf(file, readFileSync(join(root, file), 'utf8'))) {
      const edge = follow(file, room, reference)
      if (edge) edges.push(edge)
    }
}

for (const { first, nodes } of circles(edges))
  report(first.from, first.line, `imports in a circle: ${nodes.join(' -> ')}`)

// Rooms can run in a circle only if the table does.
const betweenRooms = edges
  .map(({ from, to, line }) => ({ from: roomOf(from) ?? '', to: roomOf(to) ?? '', line }))
  .filter(({ from, to }) => from !== to)
for (const { nodes } of circles(betweenRooms))
  violations.push(`${shown}: rooms import in a circle: ${nodes.join(' -> ')}`)

for (const violation of violations) console.error(violation)
console.log(`imports: ${modules.length} modules, ${edges.length} imports, ${violations.length} violations`)
process.exitCode = violations.length > 0 ? 1 : 0
