import { Link } from '@tanstack/react-router';
import type { Model } from '../model/types.ts';
import type { Link as RecordLink } from '../model/values.ts';
import type { TaskParts } from './taskParts.ts';

/** A record that a task is about. */
export function About({ model, parts, link }: { model: Model; parts: TaskParts; link: RecordLink }) {
  const relation = parts.join?.morph.relations.find(({ id }) => id === link.relationId);
  const target = model.objects.find(({ id }) => id === relation?.targetObjectId);
  if (!target || !link.label) return null;
  return (
    <Link to="/objects/$namePlural/$id" params={{ namePlural: target.namePlural, id: link.id }} draggable={false}>
      {link.label}
    </Link>
  );
}
