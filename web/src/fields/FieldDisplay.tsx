import { IconCheck, IconMinus, IconStarFilled } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { formatRelative } from '../model/dates.ts';
import { objectById } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import { formatValue } from '../model/text.ts';
import type { ModelField } from '../model/types.ts';
import { isLink, isParts, type FieldValue } from '../model/values.ts';
import { Avatar } from './Avatar.tsx';
import classes from './fields.module.css';
import { Tag } from './Tag.tsx';

function RelationDisplay({ field, value }: { field: ModelField; value: FieldValue }) {
  const model = useModel();
  if (!isLink(value)) return null;
  const relation = field.relations.find((r) => r.id === value.relationId);
  const target = relation ? objectById(model, relation.targetObjectId) : undefined;
  const label = value.label || 'Untitled';
  if (!target?.isActive) return <span>{label}</span>;
  return (
    <Link
      to="/objects/$namePlural/$id"
      params={{ namePlural: target.namePlural, id: value.id }}
      className={classes.chip}
      tabIndex={-1}
    >
      <Avatar
        label={label}
        seed={value.id}
        size={16}
        round={target.nameSingular === 'person' || target.nameSingular === 'workspaceMember'}
      />
      <span className={classes.ellipsis}>{label}</span>
    </Link>
  );
}

function OutsideLink({ href, text }: { href: string; text: string }) {
  const web = /^https?:/.test(href);
  return (
    <a
      href={href}
      className={classes.link}
      tabIndex={-1}
      {...(web ? { target: '_blank', rel: 'noreferrer noopener' } : {})}
    >
      {text}
    </a>
  );
}

const partOf = (value: FieldValue, part: string): string => (isParts(value) ? String(value[part] ?? '') : '');

/** A field's value as people read it. Nothing here can be focused by Tab: the cell or the form row around it is. */
export function FieldDisplay({ field, value }: { field: ModelField; value: FieldValue }) {
  if (field.type === 'BOOLEAN') {
    if (value === null) return null;
    const Mark = value === true ? IconCheck : IconMinus;
    return (
      <span className={classes.boolean} data-yes={value === true || undefined}>
        <Mark size={15} stroke={2} aria-hidden />
        <span>{value === true ? 'Yes' : 'No'}</span>
      </span>
    );
  }
  if (value === null) return null;
  const text = formatValue(field, value);
  switch (field.type) {
    case 'SELECT':
      return <Tag label={text} color={field.options?.find((option) => option.value === value)?.color ?? 'gray'} />;
    case 'MULTI_SELECT':
    case 'ARRAY':
      return (
        <span className={classes.tags}>
          {(Array.isArray(value) ? value : []).map((item) => {
            const option = field.options?.find((o) => o.value === item);
            return <Tag key={String(item)} label={option?.label ?? String(item)} color={option?.color ?? 'gray'} />;
          })}
        </span>
      );
    case 'RELATION':
    case 'MORPH_RELATION':
      return <RelationDisplay field={field} value={value} />;
    case 'EMAILS':
      return <OutsideLink href={`mailto:${partOf(value, 'primaryEmail')}`} text={text} />;
    case 'PHONES':
      return <OutsideLink href={`tel:${text.replace(/[^+\d]/g, '')}`} text={text} />;
    case 'LINKS': {
      const url = partOf(value, 'primaryLinkUrl');
      // Only the web's own schemes become links: a stored javascript: address must never run.
      return /^(https?:|mailto:|tel:)/i.test(url) ? (
        <OutsideLink href={url} text={text} />
      ) : /^[a-z][a-z0-9+.-]*:/i.test(url) ? (
        <span>{text}</span>
      ) : (
        <OutsideLink href={`https://${url}`} text={text} />
      );
    }
    case 'RATING':
      return (
        <span className={classes.stars} role="img" aria-label={text}>
          {[1, 2, 3, 4, 5].map((star) => (
            <IconStarFilled key={star} size={13} data-on={star <= Number(value) || undefined} aria-hidden />
          ))}
        </span>
      );
    case 'DATE_TIME':
      return field.isSystem ? <span title={text}>{formatRelative(String(value))}</span> : <span>{text}</span>;
    default:
      return <span>{text}</span>;
  }
}
