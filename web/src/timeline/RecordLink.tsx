import { Link } from '@tanstack/react-router';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import type { ModelObject } from '../model/types.ts';
import { knownLabel } from '../records/recordLabels.ts';
import classes from './timeline.module.css';
import { t } from '../language/t.ts';

/** A record with its label: a link where there is a page for it. With the object's icon where it is another than the page's. */
export function RecordLink({
  object,
  id,
  withIcon = false,
}: {
  object: ModelObject | undefined;
  id: string;
  withIcon?: boolean;
}) {
  const label = knownLabel(id) ?? t('a record');
  const icon =
    withIcon && object ? (
      <span className={classes.icon}>
        <ObjectIcon name={object.icon} color={object.color} size={14} />
      </span>
    ) : null;
  if (!object?.isActive)
    return (
      <b>
        {icon}
        {label}
      </b>
    );
  return (
    <Link to="/objects/$namePlural/$id" params={{ namePlural: object.namePlural, id }} className={classes.link}>
      {icon}
      {label}
    </Link>
  );
}
