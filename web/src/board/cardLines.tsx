import { Avatar } from '../fields/Avatar.tsx';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { Tag } from '../fields/Tag.tsx';
import { formatInstant, formatRelative } from '../model/dates.ts';
import { formatValue } from '../model/text.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { isLink, readValue, type FieldValue } from '../model/values.ts';
import { valueType } from '../model/valueType.ts';
import type { ViewOptions } from '../views/savedViews.ts';
import classes from './board.module.css';
import { t } from '../language/t.ts';

const SMALL = 2;
const LARGE = 7;

/** The fields that cards show under the name: as many as fit, and not what the column says already. */
export const cardFields = (
  object: ModelObject,
  fields: ModelField[],
  { cardSize }: ViewOptions,
  without?: ModelField,
): ModelField[] =>
  fields
    .filter((field) => field.id !== object.labelFieldId && field.id !== without?.id)
    .slice(0, cardSize === 'COMPACT' ? SMALL : LARGE);

/** What of a card's fields says something. */
export const filledFields = (model: Model, fields: ModelField[], row: RecordRow): ModelField[] =>
  fields.filter((field) => {
    const value = readValue(model, field, row);
    return value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
  });

/** As text alone: the card itself is what one clicks. */
function Value({ model, field, value }: { model: Model; field: ModelField; value: FieldValue }) {
  const text = formatValue(field, value);
  switch (valueType(field)) {
    case 'SELECT':
      return <Tag label={text} color={field.options?.find((option) => option.value === value)?.color ?? 'gray'} />;
    case 'MULTI_SELECT':
    case 'ARRAY':
      return (
        <span className={classes.tags}>
          {(Array.isArray(value) ? value : []).slice(0, 4).map((item) => {
            const option = field.options?.find((each) => each.value === item);
            return <Tag key={String(item)} label={option?.label ?? String(item)} color={option?.color ?? 'gray'} />;
          })}
        </span>
      );
    case 'RELATION':
    case 'MORPH_RELATION':
    case 'MEMBER': {
      if (!isLink(value)) return null;
      const relation = field.relations.find(({ id }) => id === value.relationId);
      const target = model.objects.find(({ id }) => id === relation?.targetObjectId)?.nameSingular ?? '';
      return (
        <span className={classes.link}>
          <Avatar
            label={text || '?'}
            seed={value.id}
            size={16}
            round={target === 'person' || target === 'workspaceMember'}
          />
          <span>{text || t('Untitled')}</span>
        </span>
      );
    }
    case 'DATE_TIME':
      return field.isSystem ? (
        <span title={formatInstant(String(value))}>{formatRelative(String(value))}</span>
      ) : (
        <span>{text}</span>
      );
    default:
      return <span>{text}</span>;
  }
}

export function CardLines({ model, fields, row }: { model: Model; fields: ModelField[]; row: RecordRow }) {
  return fields.map((field) => {
    const Icon = FIELD_TYPES[field.type].icon;
    return (
      <span key={field.id} className={classes.line} title={field.label}>
        <Icon size={13} stroke={1.75} aria-hidden />
        <span className="visually-hidden">{field.label}: </span>
        <Value model={model} field={field} value={readValue(model, field, row)} />
      </span>
    );
  });
}
