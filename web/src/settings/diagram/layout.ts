import { Graph, layout } from '@dagrejs/dagre';
import type { Edge, Node } from '@xyflow/react';
import { joinTarget, objectById } from '../../model/lookup.ts';
import type { Model, ModelField, ModelObject } from '../../model/types.ts';

/** The model as nodes and lines: an object is a card, each relation a line from the field that holds the key. */

export interface ObjectData {
  [key: string]: unknown;
  object: ModelObject;
  fields: ModelField[];
  hidden: number;
  isFaded: boolean;
}

export type ObjectNode = Node<ObjectData, 'object'>;

const WIDTH = 220;
const HEAD = 40;
const LINE = 24;
const MOST_FIELDS = 8;

/** The fields that a card has room for: its name, what relates it, then the others in their order. */
function cardFields(object: ModelObject): { fields: ModelField[]; hidden: number } {
  const own = object.fields
    .filter((field) => field.isActive && !field.isSystem)
    .sort(
      (a, b) =>
        Number(b.id === object.labelFieldId) - Number(a.id === object.labelFieldId) ||
        Number(b.relations.length > 0 || b.junction !== null) - Number(a.relations.length > 0 || a.junction !== null) ||
        a.position - b.position,
    );
  return { fields: own.slice(0, MOST_FIELDS), hidden: Math.max(0, own.length - MOST_FIELDS) };
}

const heightOf = (data: ObjectData): number => HEAD + data.fields.length * LINE + (data.hidden > 0 ? LINE : 0) + 10;

export function drawn(model: Model, showsSystem: boolean): ModelObject[] {
  return model.objects.filter(
    (object) => object.isActive && !object.isJunction && (showsSystem || (!object.isSystem && !joinTarget(object))),
  );
}

export function edgesOf(objects: ModelObject[]): Edge[] {
  const shown = new Set(objects.map((object) => object.id));
  const edges: Edge[] = [];
  for (const object of objects)
    for (const field of object.fields) {
      if (!field.isActive || field.isSystem) continue;
      if (field.junction) {
        const { targetObjectId, inverseFieldId } = field.junction;
        // Both sides have a field of the same relation; one line is enough.
        if (!shown.has(targetObjectId) || (inverseFieldId !== null && inverseFieldId < field.id)) continue;
        edges.push({
          id: field.id,
          source: object.id,
          target: targetObjectId,
          label: field.label,
          data: { objectId: object.id, fieldId: field.id },
          className: 'many',
          markerStart: 'many',
          markerEnd: 'many',
        });
        continue;
      }
      for (const relation of field.relations) {
        if (!shown.has(relation.targetObjectId)) continue;
        edges.push({
          id: relation.id,
          source: object.id,
          target: relation.targetObjectId,
          label: field.label,
          data: { objectId: object.id, fieldId: field.id },
          ...(field.isUnique ? {} : { markerStart: 'many' }),
          markerEnd: 'one',
        });
      }
    }
  return edges;
}

export function nodesOf(objects: ModelObject[], edges: Edge[]): ObjectNode[] {
  const graph = new Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 36, ranksep: 110, marginx: 20, marginy: 20 });
  graph.setDefaultEdgeLabel(() => ({}));
  const nodes = objects.map((object): ObjectNode => {
    const data: ObjectData = { object, ...cardFields(object), isFaded: false };
    return { id: object.id, type: 'object', position: { x: 0, y: 0 }, data, width: WIDTH, height: heightOf(data) };
  });
  // What stands alone is set in a grid below: the layout would make one tall column of it.
  const joined = new Set(edges.flatMap((edge) => (edge.source === edge.target ? [] : [edge.source, edge.target])));
  for (const node of nodes) if (joined.has(node.id)) graph.setNode(node.id, { width: WIDTH, height: node.height ?? 0 });
  for (const edge of edges) if (edge.source !== edge.target) graph.setEdge(edge.source, edge.target);
  layout(graph);
  const bottom = Math.max(0, ...graph.nodes().map((id) => graph.node(id).y + graph.node(id).height / 2));
  let alone = 0;
  return nodes.map((node) => {
    if (joined.has(node.id)) {
      const { x, y, width, height } = graph.node(node.id);
      return { ...node, position: { x: x - width / 2, y: y - height / 2 } };
    }
    const place = alone++;
    return {
      ...node,
      position: { x: 20 + (place % 5) * (WIDTH + 40), y: bottom + 60 + Math.floor(place / 5) * 280 },
    };
  });
}

export const relatedTo = (model: Model, edges: Edge[], id: string): Set<string> =>
  new Set(
    [
      id,
      ...edges.flatMap((edge) => (edge.source === id ? [edge.target] : edge.target === id ? [edge.source] : [])),
    ].filter((each) => objectById(model, each)),
  );
