import type { ModelField } from '../model/types.ts';

/** What an editor of a field is described by: what is wrong with its value, or what the field asks for. */
export const noteId = (field: ModelField): string => `note-${field.id}`; // no text
