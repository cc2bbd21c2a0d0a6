import { objectById } from '../model/lookup.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';

/** The objects at the end of the relations that a formula's text goes through, as company does in "company.name". */
function formulaObjects(model: Model, object: ModelObject, expression: string): string[] {
  const found: string[] = [];
  for (const [path] of expression.replace(/"[^"]*"|'[^']*'/g, '').matchAll(/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+/g)) {
    let from: ModelObject | undefined = object;
    for (const step of path.split('.').slice(0, -1)) {
      const relation: string | undefined = from?.fields
        .flatMap((field) => field.relations)
        .find((each) => each.name === step)?.targetObjectId;
      if (!relation) break;
      found.push(relation);
      from = objectById(model, relation);
    }
  }
  return found;
}

/** The other objects whose records show in an object's fields: linked, rolled up, or read by a formula. */
export function dependencies(model: Model, object: ModelObject, fields: ModelField[]): string[] {
  const found = fields.flatMap((field): string[] => {
    if (field.junction) return [field.junction.objectId, field.junction.targetObjectId];
    if (field.type === 'FORMULA') return formulaObjects(model, object, field.settings?.expression ?? '');
    if (field.type !== 'ROLLUP') return field.relations.map((relation) => relation.targetObjectId);
    const holds = (holder: ModelObject) =>
      holder.fields.some((each) => each.relations.some(({ id }) => id === field.settings?.relationId));
    return model.objects.filter(holds).map(({ id }) => id);
  });
  return [...new Set(found)].sort();
}
