import { joinedFrom, labelField } from '../model/lookup.ts';
import type { FieldRelation, Model, ModelField, ModelObject } from '../model/types.ts';

/** The standard tasks, as far as they are there: an administrator may have removed fields. */
export interface TaskParts {
  object: ModelObject;
  title: ModelField;
  due: ModelField | undefined;
  status: ModelField | undefined;
  assignee: ModelField | undefined;
  recurrence: ModelField | undefined;
  /** What links a task to what it is about. */
  join: { holder: ModelObject; own: FieldRelation; morph: ModelField } | undefined;
}

export function taskParts(model: Model): TaskParts | null {
  const object = model.objects.find((each) => !each.isCustom && each.isActive && each.nameSingular === 'task');
  const title = object && labelField(object);
  if (!object || !title || title.columns.length !== 1) return null;
  const named = (name: string, type: ModelField['type']) =>
    object.fields.find((field) => field.name === name && field.type === type && field.isActive);
  return {
    object,
    title,
    due: named('dueAt', 'DATE_TIME'),
    status: named('status', 'SELECT'),
    assignee: named('assignee', 'RELATION'),
    recurrence: named('recurrence', 'TEXT'),
    join: joinedFrom(model, object)[0],
  };
}

/** What a task is read with. */
export const taskFields = ({ title, due, status, assignee, recurrence }: TaskParts): ModelField[] =>
  [title, due, status, assignee, recurrence].filter((field) => field !== undefined);

export const columnOf = (field: ModelField): string => field.relations[0]?.columnName ?? field.columns[0]?.name ?? '';
