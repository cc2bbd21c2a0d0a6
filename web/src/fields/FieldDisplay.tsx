import { IconCheck, IconMinus, IconPaperclip, IconStarFilled } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { formatInstant, formatRelative } from '../model/dates.ts';
import { objectById } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import { allEmails, allLinks, allPhones, displayUrl, fileName, formatValue, partText } from '../model/text.ts';
import type { ModelField } from '../model/types.ts';
import { isLink, type FieldValue } from '../model/values.ts';
import { valueType } from '../model/valueType.ts';
import { Avatar } from './Avatar.tsx';
import classes from './fields.module.css';
import { Tag } from './Tag.tsx';
import { t } from '../language/t.ts';

interface DisplayProps {
  field: ModelField;
  value: FieldValue;
  /** On a record page there is room for all of a value; in a cell for the first of it. */
  full?: boolean;
}

function RecordChip({ objectId, id, label }: { objectId: string | undefined; id: string; label: string }) {
  const model = useModel();
  const target = objectId ? objectById(model, objectId) : undefined;
  const text = label || t('Untitled');
  if (!target?.isActive) return <span>{text}</span>;
  return (
    <Link
      to="/objects/$namePlural/$id"
      params={{ namePlural: target.namePlural, id }}
      className={classes.chip}
      tabIndex={-1}
    >
      <Avatar
        label={text}
        seed={id}
        size={16}
        round={target.nameSingular === 'person' || target.nameSingular === 'workspaceMember'}
      />
      <span className={classes.ellipsis}>{text}</span>
    </Link>
  );
}

function RelationDisplay({ field, value }: DisplayProps) {
  if (!isLink(value)) return null;
  const relation = field.relations.find((each) => each.id === value.relationId);
  return <RecordChip objectId={relation?.targetObjectId} id={value.id} label={value.label} />;
}

function OutsideLink({ href, text }: { href: string; text: string }) {
  const web = /^https?:/.test(href);
  return (
    <a
      href={href}
      className={classes.link}
      tabIndex={-1}
      // On paper the address stands after what says something else.
      data-plain={href.endsWith(text) || href.endsWith(`${text}/`) || undefined}
      {...(web ? { target: '_blank', rel: 'noreferrer noopener' } : {})}
    >
      {text}
    </a>
  );
}

/** Only the web's own schemes become links: a stored javascript: address must never run. */
function WebLinkDisplay({ url, label }: { url: string; label: string }) {
  const text = label || displayUrl(url);
  if (/^(https?:|mailto:|tel:)/i.test(url)) return <OutsideLink href={url} text={text} />;
  return /^[a-z][a-z0-9+.-]*:/i.test(url) ? <span>{text}</span> : <OutsideLink href={`https://${url}`} text={text} />;
}

interface Item {
  key: string;
  href?: string;
  text: string;
}

/** The first of several values with a count of the others; on a record page each in its own line. */
function Several({ items, full }: { items: Item[]; full: boolean | undefined }) {
  const [first] = items;
  const one = ({ key, href, text }: Item) =>
    href === undefined ? (
      <WebLinkDisplay key={key} url={key} label={text} />
    ) : (
      <OutsideLink key={key} href={href} text={text} />
    );
  if (!first) return null;
  if (items.length === 1) return one(first);
  if (full) return <span className={classes.lines}>{items.map(one)}</span>;
  return (
    <span className={classes.several} title={items.map(({ text }) => text).join('\n')}>
      <span className={classes.ellipsis}>{one(first)}</span>
      <span className={classes.more}>+{items.length - 1}</span>
    </span>
  );
}

/** A field's value as people read it. Nothing here can be focused by Tab: the cell or the form row around it is. */
export function FieldDisplay({ field, value, full }: DisplayProps) {
  const type = valueType(field);
  if (type === 'BOOLEAN') {
    if (value === null) return null;
    const Mark = value === true ? IconCheck : IconMinus;
    return (
      <span className={classes.boolean} data-yes={value === true || undefined}>
        <Mark size={15} stroke={2} aria-hidden />
        <span>{value === true ? t('Yes') : t('No')}</span>
      </span>
    );
  }
  if (value === null) return null;
  const text = formatValue(field, value);
  switch (type) {
    case 'SELECT':
      return <Tag label={text} color={field.options?.find((option) => option.value === value)?.color ?? 'gray'} />;
    case 'MULTI_SELECT':
    case 'ARRAY':
      return (
        <span className={classes.tags} data-wrap={full || undefined}>
          {(Array.isArray(value) ? value : []).map((item, index) => {
            const option = field.options?.find((o) => o.value === item);
            return (
              <Tag
                key={`${index} ${String(item)}`}
                label={option?.label ?? String(item)}
                color={option?.color ?? 'gray'}
              />
            );
          })}
        </span>
      );
    case 'RELATION':
    case 'MORPH_RELATION':
    case 'MEMBER':
      return <RelationDisplay field={field} value={value} />;
    case 'MANY_TO_MANY':
      return (
        <span className={classes.tags} data-wrap={full || undefined} title={text}>
          {(Array.isArray(value) ? value : []).filter(isLink).map((link) => (
            <span key={link.id} className={classes.linkChip}>
              <RecordChip objectId={field.junction?.targetObjectId} id={link.id} label={link.label} />
            </span>
          ))}
        </span>
      );
    case 'EMAILS':
      return (
        <Several
          full={full}
          items={allEmails(value).map((each) => ({ key: each, href: `mailto:${each}`, text: each }))}
        />
      );
    case 'PHONES':
      return (
        <Several
          full={full}
          items={allPhones(value).map((each) => ({
            key: each,
            href: `tel:${each.replace(/[^+\d]/g, '')}`,
            text: each,
          }))}
        />
      );
    case 'LINKS':
      return (
        <Several
          full={full}
          items={allLinks(value).map(({ url, label }) => ({ key: url, text: label || displayUrl(url) }))}
        />
      );
    case 'FILES':
      return (
        <span className={full ? classes.lines : classes.several} title={text}>
          {(Array.isArray(value) ? value : []).map((file, index) => (
            <span key={index} className={classes.file}>
              <IconPaperclip size={13} stroke={1.75} aria-hidden />
              {full && partText(file, 'id') ? (
                <a
                  href={`/files/${partText(file, 'id')}`}
                  target="_blank"
                  rel="noreferrer"
                  className={classes.ellipsis}
                >
                  {fileName(file)}
                </a>
              ) : (
                <span className={classes.ellipsis}>{fileName(file)}</span>
              )}
            </span>
          ))}
        </span>
      );
    case 'RATING':
      return (
        <span className={classes.stars} role="img" aria-label={text}>
          {[1, 2, 3, 4, 5].map((star) => (
            <IconStarFilled key={star} size={13} data-on={star <= Number(value) || undefined} aria-hidden />
          ))}
        </span>
      );
    case 'COLOR':
      return (
        <span className={classes.color}>
          <span className={classes.swatch} style={{ background: text }} aria-hidden />
          <span>{text}</span>
        </span>
      );
    case 'RAW_JSON':
      return full ? (
        <code className={classes.json}>{text.length > 60 ? JSON.stringify(value, null, 2) : text}</code>
      ) : (
        <code className={classes.mono}>{text}</code>
      );
    case 'DATE_TIME':
      return field.isSystem ? (
        <time dateTime={String(value)} title={formatInstant(String(value))}>
          {formatRelative(String(value))}
        </time>
      ) : (
        <span title={field.settings?.displayFormat ? formatInstant(String(value)) : undefined}>{text}</span>
      );
    case 'TEXT':
      return full && (field.settings?.displayedMaxRows ?? 1) > 1 ? (
        <span className={classes.clamped} style={{ WebkitLineClamp: field.settings?.displayedMaxRows }}>
          {text}
        </span>
      ) : (
        <span>{text}</span>
      );
    default:
      return <span>{text}</span>;
  }
}
