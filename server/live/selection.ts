import {
  getDirectiveValues,
  getNamedType,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  isObjectType,
  Kind,
} from 'postgraphile/graphql';
import type {
  FieldNode,
  FragmentDefinitionNode,
  GraphQLObjectType,
  OperationDefinitionNode,
  DocumentNode,
  SelectionSetNode,
} from 'postgraphile/graphql';

type Values = Readonly<Record<string, unknown>>;

interface Selected {
  readonly key: string;
  readonly name: string;
  /** What stands there always: the name of the type. */
  readonly constant?: string;
  readonly children?: readonly Selected[];
}

/** Answers with what a selection takes of a value; the same object for the same value, however many subscribers ask. */
export class Projection {
  readonly #selected: readonly Selected[];
  readonly #made = new WeakMap<object, object>();

  constructor(selected: readonly Selected[]) {
    this.#selected = selected;
  }

  of(value: object): object {
    let made = this.#made.get(value);
    if (!made) this.#made.set(value, (made = take(this.#selected, value)));
    return made;
  }
}

function take(selected: readonly Selected[], value: object): object {
  const taken: Record<string, unknown> = {};
  for (const { key, name, constant, children } of selected) {
    const found = (value as Record<string, unknown>)[name] ?? null;
    taken[key] = constant ?? (children && found !== null ? take(children, found) : found);
  }
  return taken;
}

const MAX_KEPT = 1_000;

/** Subscribers that select the same share one projection. */
export class Projections {
  readonly #kept = new Map<string, Projection>();

  /** The field of a subscription, of which GraphQL allows one, and what it selects. */
  of(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    root: GraphQLObjectType,
    variables: Values,
  ): { key: string; node: FieldNode; projection: Projection; selects: (name: string) => boolean } {
    const fragments = new Map<string, FragmentDefinitionNode>();
    for (const definition of document.definitions)
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    const [[key, nodes]] = [...collect([operation.selectionSet], fragments, variables)] as [[string, FieldNode[]]];
    const node = nodes[0]!;
    const type = getNamedType(root.getFields()[node.name.value]!.type);
    const selected = isObjectType(type) ? select(type, nodes, fragments, variables) : [];
    const signature = JSON.stringify(selected);
    let projection = this.#kept.get(signature);
    if (!projection) {
      if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
      this.#kept.set(signature, (projection = new Projection(selected)));
    }
    return { key, node, projection, selects: (name) => selected.some((one) => one.name === name) };
  }
}

function select(
  type: GraphQLObjectType,
  nodes: readonly FieldNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  variables: Values,
): Selected[] {
  const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
  return [...collect(sets, fragments, variables)].map(([key, [first, ...others]]) => {
    const name = first!.name.value;
    if (name === '__typename') return { key, name, constant: type.name };
    const inner = getNamedType(type.getFields()[name]!.type);
    return isObjectType(inner)
      ? { key, name, children: select(inner, [first!, ...others], fragments, variables) }
      : { key, name };
  });
}

/** The fields of selections by the key that they have in the answer. No type here is one of several, so fragments fit. */
function collect(
  sets: readonly SelectionSetNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  variables: Values,
): Map<string, FieldNode[]> {
  const found = new Map<string, FieldNode[]>();
  const visit = (set: SelectionSetNode): void => {
    for (const node of set.selections) {
      if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] === true) continue;
      if (getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] === false) continue;
      if (node.kind === Kind.FIELD) {
        const key = node.alias?.value ?? node.name.value;
        const nodes = found.get(key);
        if (nodes) nodes.push(node);
        else found.set(key, [node]);
      } else if (node.kind === Kind.INLINE_FRAGMENT) visit(node.selectionSet);
      else visit(fragments.get(node.name.value)!.selectionSet);
    }
  };
  sets.forEach(visit);
  return found;
}
