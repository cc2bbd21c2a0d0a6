import {
  GraphQLEnumType,
  GraphQLInputObjectType,
  Kind,
  TypeInfo,
  getNamedType,
  isCompositeType,
  isListType,
  isNonNullType,
  typeFromAST,
  visit,
  visitWithTypeInfo,
} from 'postgraphile/graphql';
import type {
  DocumentNode,
  FieldNode,
  GraphQLSchema,
  GraphQLType,
  NamedTypeNode,
  OperationDefinitionNode,
  TypeNode,
} from 'postgraphile/graphql';
import type { Operation } from './execute.ts';
import type { FormerNames } from './formerNames.ts';

/** What was written, and what to write instead. */
export interface Deprecation {
  readonly name: string;
  readonly use: string;
}

/**
 * A document in which former names are replaced by the present ones. What is selected under a former name
 * is answered under it. Names that are neither stay, for validation to complain about.
 */
export function presentDocument(
  schema: GraphQLSchema,
  document: DocumentNode,
  names: FormerNames,
): { document: DocumentNode; deprecated: Deprecation[] } {
  const typeInfo = new TypeInfo(schema);
  const deprecated = new Map<string, Deprecation>();
  const note = (name: string, use: string): void => void deprecated.set(`${name} ${use}`, { name, use });

  const presentType = (node: NamedTypeNode): NamedTypeNode | undefined => {
    const name = node.name.value;
    if (schema.getType(name)) return undefined;
    const present = names.type(name, (candidate) => schema.getType(candidate) !== undefined);
    if (present === undefined) return undefined;
    note(name, present);
    return { ...node, name: { ...node.name, value: present } };
  };

  const rewritten = visit(
    document,
    // Replacing a node when it is entered has TypeInfo look at the replacement, so that what is below it has a type.
    visitWithTypeInfo(typeInfo, {
      VariableDefinition(node) {
        const type = presentTypeNode(node.type, presentType);
        return type && { ...node, type };
      },
      FragmentDefinition(node) {
        const typeCondition = presentType(node.typeCondition);
        return typeCondition && { ...node, typeCondition };
      },
      InlineFragment(node) {
        const typeCondition = node.typeCondition && presentType(node.typeCondition);
        return typeCondition && { ...node, typeCondition };
      },
      Field(node): FieldNode | undefined {
        const parent = typeInfo.getParentType();
        if (!parent || !isCompositeType(parent) || !('getFields' in parent) || typeInfo.getFieldDef()) return undefined;
        const fields = parent.getFields();
        const present = names.field(parent.name, node.name.value, (name) => Object.hasOwn(fields, name));
        if (present === undefined) return undefined;
        note(node.name.value, present);
        return { ...node, alias: node.alias ?? node.name, name: { ...node.name, value: present } };
      },
      ObjectField(node) {
        const parent = getNamedType(typeInfo.getParentInputType());
        if (!(parent instanceof GraphQLInputObjectType)) return undefined;
        const present = presentInputField(parent, node.name.value, names);
        if (present === undefined) return undefined;
        note(node.name.value, present);
        return { ...node, name: { ...node.name, value: present } };
      },
      EnumValue(node) {
        const type = getNamedType(typeInfo.getInputType());
        if (!(type instanceof GraphQLEnumType)) return undefined;
        const present = presentEnumValue(type, node.value, names);
        if (present === undefined) return undefined;
        note(node.value, present);
        return { ...node, value: present };
      },
    }),
  );
  return { document: rewritten, deprecated: [...deprecated.values()] };
}

/** The same for the values of an operation's variables; the same object when nothing in them is former. */
export function presentVariables(
  schema: GraphQLSchema,
  { document, operationName, variables }: Operation,
  names: FormerNames,
): { variables: Readonly<Record<string, unknown>> | undefined; deprecated: Deprecation[] } {
  const deprecated: Deprecation[] = [];
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      (operationName === undefined || definition.name?.value === operationName),
  );
  if (!variables || !operation?.variableDefinitions) return { variables, deprecated };
  const present: Record<string, unknown> = { ...variables };
  for (const { variable, type } of operation.variableDefinitions) {
    const name = variable.name.value;
    // The values of a GraphQL type exist for every definition that names one of the schema.
    const inputType = typeFromAST(schema, type as NamedTypeNode);
    if (inputType && Object.hasOwn(present, name)) {
      present[name] = presentValue(inputType, present[name], names, deprecated);
    }
  }
  return { variables: deprecated.length > 0 ? present : variables, deprecated };
}

function presentValue(type: GraphQLType, value: unknown, names: FormerNames, deprecated: Deprecation[]): unknown {
  if (value === null || value === undefined) return value;
  if (isNonNullType(type)) return presentValue(type.ofType, value, names, deprecated);
  if (isListType(type)) {
    const each = (item: unknown) => presentValue(type.ofType, item, names, deprecated);
    return Array.isArray(value) ? value.map(each) : each(value);
  }
  if (type instanceof GraphQLEnumType && typeof value === 'string') {
    const present = presentEnumValue(type, value, names);
    if (present !== undefined) deprecated.push({ name: value, use: present });
    return present ?? value;
  }
  if (!(type instanceof GraphQLInputObjectType) || typeof value !== 'object' || Array.isArray(value)) return value;
  const fields = type.getFields();
  const result: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    const present = presentInputField(type, name, names);
    if (present !== undefined) deprecated.push({ name, use: present });
    const field = fields[present ?? name];
    result[present ?? name] = field ? presentValue(field.type, inner, names, deprecated) : inner;
  }
  return result;
}

function presentInputField(type: GraphQLInputObjectType, name: string, names: FormerNames): string | undefined {
  const fields = type.getFields();
  if (Object.hasOwn(fields, name)) return undefined;
  return names.field(type.name, name, (candidate) => Object.hasOwn(fields, candidate));
}

function presentEnumValue(type: GraphQLEnumType, name: string, names: FormerNames): string | undefined {
  if (type.getValue(name)) return undefined;
  return names.enumValue(
    type.name,
    name,
    type.getValues().map((value) => value.name),
  );
}

function presentTypeNode(
  node: TypeNode,
  presentType: (node: NamedTypeNode) => NamedTypeNode | undefined,
): TypeNode | undefined {
  if (node.kind === Kind.NAMED_TYPE) return presentType(node);
  const inner = presentTypeNode(node.type, presentType);
  return inner && ({ ...node, type: inner } as TypeNode);
}
