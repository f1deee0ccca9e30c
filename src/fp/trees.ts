/** fp-ts instances for pytrees: mapping, folding and traversing the leaves. */
import type { Applicative } from 'fp-ts/lib/Applicative.js'
import type { Functor1 } from 'fp-ts/lib/Functor.js'
import type { HKT } from 'fp-ts/HKT.js'
import type { Traversable1 } from 'fp-ts/lib/Traversable.js'
import { tree } from '../core/index.js'

/** A pytree with leaves of type A, which must not itself be a list, a plain object or null. */
export type Tree<A> = A | null | readonly Tree<A>[] | { readonly [key: string]: Tree<A> }

export const TreeURI = 'cotangent/Tree'
export type TreeURI = typeof TreeURI

declare module 'fp-ts/HKT.js' {
  interface URItoKind<A> {
    readonly 'cotangent/Tree': Tree<A>
  }
}

const leavesOf = <A>(
  value: Tree<A>,
): { readonly leaves: readonly A[]; readonly rebuild: <B>(leaves: readonly B[]) => Tree<B> } => {
  const { leaves, def } = tree.flatten(value)
  return { leaves: leaves as readonly A[], rebuild: <B>(list: readonly B[]) => tree.unflatten(def, list) as Tree<B> }
}

const map = <A, B>(value: Tree<A>, f: (leaf: A) => B): Tree<B> => {
  const { leaves, rebuild } = leavesOf(value)
  return rebuild(leaves.map(f))
}

/** Functor of pytrees: `map` keeps the structure. */
export const treeFunctor: Functor1<TreeURI> = { URI: TreeURI, map }

const reduce = <A, B>(value: Tree<A>, initial: B, f: (accumulated: B, leaf: A) => B): B =>
  leavesOf(value).leaves.reduce(f, initial)

/** Collects effects of leaves from left to right in any applicative functor. */
const traverse =
  <F>(F: Applicative<F>) =>
  <A, B>(value: Tree<A>, f: (leaf: A) => HKT<F, B>): HKT<F, Tree<B>> => {
    const { leaves, rebuild } = leavesOf(value)
    const list = leaves.reduce<HKT<F, readonly B[]>>(
      (collected, leaf) =>
        F.ap<B, readonly B[]>(
          F.map(collected, (before) => (next: B) => [...before, next]),
          f(leaf),
        ),
      F.of([]),
    )
    return F.map(list, (all) => rebuild(all))
  }

/** Traversable of pytrees, with leaves visited in the order of `tree.leaves`. */
export const treeTraversable: Traversable1<TreeURI> = {
  URI: TreeURI,
  map,
  reduce,
  foldMap: (M) => (value, f) => leavesOf(value).leaves.reduce((sum, leaf) => M.concat(sum, f(leaf)), M.empty),
  reduceRight: (value, initial, f) =>
    leavesOf(value).leaves.reduceRight((accumulated, leaf) => f(leaf, accumulated), initial),
  traverse,
  sequence:
    <F>(F: Applicative<F>) =>
    <A>(value: Tree<HKT<F, A>>) =>
      traverse(F)<HKT<F, A>, A>(value, (leaf) => leaf),
}
