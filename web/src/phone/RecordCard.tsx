import { IconCheck, IconDots, IconTrash } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { Avatar } from '../fields/Avatar.tsx';
import { Tag } from '../fields/Tag.tsx';
import { formatValue } from '../model/text.ts';
import type { FieldType, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { readValue } from '../model/values.ts';
import type { CardAction } from './cardActions.tsx';
import classes from './phone.module.css';
import { useSwipe } from './useSwipe.ts';
import { t } from '../language/t.ts';

const DETAILS = 5;
const CHIPS = 3;

/** What is understood without being told of what it is. */
const SPEAKING: FieldType[] = ['TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'ADDRESS', 'RELATION', 'RICH_TEXT'];

interface RecordCardProps {
  model: Model;
  object: ModelObject;
  /** What it tells, without the label. */
  fields: ModelField[];
  row: RecordRow;
  label: string;
  /** What drawing it to the right does. */
  action: CardAction | null;
  /** Null for who may not select. */
  onSelect: (() => void) | null;
  onDelete: (() => void) | null;
  onMore: () => void;
  /** Null while none is selected. */
  isSelected: boolean | null;
}

/** A record on a phone: its label and the first things one would ask about it. */
export function RecordCard(props: RecordCardProps) {
  const { model, object, fields, row, label, action, onSelect, onDelete, onMore, isSelected } = props;
  const isSelecting = isSelected !== null;
  const swipe = useSwipe({
    onRight: isSelecting || !action ? null : action.run,
    onLeft: isSelecting ? null : onDelete,
    onHold: isSelecting ? null : onSelect,
  });
  const chips = fields
    .flatMap((field) => {
      if (field.type !== 'SELECT' && field.type !== 'MULTI_SELECT') return [];
      const value = readValue(model, field, row);
      return (Array.isArray(value) ? value : [value]).flatMap(
        (each) => field.options?.find((option) => option.value === each) ?? [],
      );
    })
    .slice(0, CHIPS);
  const details = fields
    .filter((field) => field.type !== 'SELECT' && field.type !== 'MULTI_SELECT' && field.type !== 'BOOLEAN')
    .flatMap((field) => {
      const text = formatValue(field, readValue(model, field, row));
      return text ? [{ field, text }] : [];
    })
    .slice(0, DETAILS);
  const round = object.nameSingular === 'person';
  const Action = action?.icon;

  const content = (
    <>
      {isSelected ? (
        <span className={classes.mark} aria-hidden>
          <IconCheck size={20} stroke={2.5} />
        </span>
      ) : (
        <Avatar label={label} seed={row.id} size={38} round={round} />
      )}
      <span className={classes.text}>
        <span className={classes.label}>{label}</span>
        {details.length > 0 ? (
          <span className={classes.details}>
            {details.map(({ field, text }) => (
              <span key={field.id} className={classes.detail}>
                <span className={classes.detailText}>
                  {SPEAKING.includes(field.type) ? (
                    text
                  ) : (
                    <>
                      <span className={classes.name}>{field.label}</span> <span className={classes.value}>{text}</span>
                    </>
                  )}
                </span>
              </span>
            ))}
          </span>
        ) : null}
        {chips.length > 0 ? (
          <span className={classes.chips}>
            {chips.map((option) => (
              <Tag key={option.value} label={option.label} color={option.color} />
            ))}
          </span>
        ) : null}
      </span>
    </>
  );

  return (
    <div className={classes.swipe} data-selected={isSelected || undefined} {...swipe}>
      <span className={classes.under} aria-hidden>
        <span>
          {Action ? <Action size={22} stroke={1.75} /> : null}
          {action?.label}
        </span>
        <span>
          {t('Delete')}
          <IconTrash size={22} stroke={1.75} />
        </span>
      </span>
      <div className={classes.card}>
        {isSelecting ? (
          <button
            type="button"
            role="checkbox"
            aria-checked={isSelected}
            className={classes.link}
            onClick={() => onSelect?.()}
          >
            {content}
          </button>
        ) : (
          <>
            <Link
              to="/objects/$namePlural/$id"
              params={{ namePlural: object.namePlural, id: row.id }}
              className={classes.link}
              draggable={false}
            >
              {content}
            </Link>
            <button
              type="button"
              className={classes.more}
              aria-label={t('What to do with {label}', { label })}
              aria-haspopup="dialog"
              onClick={onMore}
            >
              <IconDots size={20} aria-hidden />
            </button>
          </>
        )}
      </div>
    </div>
  );
}
