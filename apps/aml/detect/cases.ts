/**
 * Groups findings into cases: findings of one run that share a transfer belong to one case, so that approvers release,
 * and the financial intelligence unit reads, one connected piece of conduct at a time.
 */
import { at, type TransferGraph } from './graph.ts';
import type { Finding } from './rules.ts';

/** Connected findings and the edges they touch, ascending (time order). */
export interface FindingGroup {
  readonly findings: readonly Finding[];
  readonly edges: readonly number[];
}

/** Splits findings into connected groups; groups and findings keep the order of the findings. */
export function groupFindings(graph: TransferGraph, findings: readonly Finding[]): readonly FindingGroup[] {
  const parent = new Int32Array(graph.edgeCount);
  for (let edge = 0; edge < graph.edgeCount; edge++) parent[edge] = edge;
  const touched = new Int32Array(graph.edgeCount);
  for (const { edges } of findings) {
    const root = rootOf(parent, edges[0] as number);
    for (const edge of edges) {
      parent[rootOf(parent, edge)] = root;
      touched[edge] = 1;
    }
  }
  const groups = new Map<number, { findings: Finding[]; edges: number[] }>();
  for (const finding of findings) {
    const root = rootOf(parent, finding.edges[0] as number);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, { findings: [finding], edges: [] });
    else group.findings.push(finding);
  }
  for (let edge = 0; edge < graph.edgeCount; edge++) {
    if (at(touched, edge) === 1) groups.get(rootOf(parent, edge))?.edges.push(edge);
  }
  return [...groups.values()];
}

function rootOf(parent: Int32Array, edge: number): number {
  let root = edge;
  while (at(parent, root) !== root) {
    const above = at(parent, at(parent, root));
    parent[root] = above;
    root = above;
  }
  return root;
}
