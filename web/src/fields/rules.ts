import type { Model, ModelField, ModelObject, ModelRule } from '../model/types.ts';

const activeRules = (model: Model, field: ModelField): ModelRule[] =>
  model.objects.flatMap((object) => object.rules.filter((rule) => rule.fieldId === field.id && rule.isActive));

const always = (rule: ModelRule): boolean => rule.kind === 'REQUIRED' && !rule.condition;

/** Whether a record cannot be without a value here, whatever else it holds. */
export const isNeeded = (model: Model, field: ModelField): boolean =>
  field.isRequired || field.requiredFrom !== null || activeRules(model, field).some(always);

/** What the field asks of its values, in plain words, besides simply having one. */
export const ruleHints = (model: Model, field: ModelField): string[] =>
  activeRules(model, field)
    .filter((rule) => !always(rule))
    .map((rule) => (/[.!?]$/.test(rule.text) ? rule.text : `${rule.text}.`));

/** The fields that a form for a new record asks for besides the label: those needed that nothing fills by itself. */
export function fieldsToAsk(model: Model, object: ModelObject, given: string[]): ModelField[] {
  return object.fields.filter(
    (field) =>
      field.isActive &&
      !field.isSystem &&
      !field.isComputed &&
      field.id !== object.labelFieldId &&
      !['AUTO_NUMBER', 'MANY_TO_MANY', 'FILES'].includes(field.type) &&
      (field.defaultValue === null || field.defaultValue === undefined) &&
      isNeeded(model, field) &&
      ![...field.columns.map((column) => column.name), ...field.relations.map((each) => each.columnName)].some((name) =>
        given.includes(name),
      ),
  );
}

/** The field that an error of the server is about: it may name the field or one of its columns. */
export const fieldNamed = (object: ModelObject, name: string | undefined): ModelField | undefined =>
  name === undefined
    ? undefined
    : object.fields.find(
        (field) =>
          field.isActive &&
          (field.name === name ||
            field.columns.some((column) => column.name === name) ||
            field.relations.some((relation) => relation.columnName === name || relation.name === name)),
      );
