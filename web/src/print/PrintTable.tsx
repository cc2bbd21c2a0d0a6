import { useEffect } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { countText } from '../model/formats.ts';
import { formatValue } from '../model/text.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { readValue } from '../model/values.ts';
import { valueType } from '../model/valueType.ts';
import { isUnread } from '../records/tableStore.ts';
import { t } from '../language/t.ts';

/** More is what exports are for. */
const MOST = 1_000;

interface PrintTableProps {
  label: string;
  model: Model;
  fields: ModelField[];
  rows: RecordRow[];
  total: number | null;
  /** Reads so many rows; null where what is read is what there is to print. */
  more: ((wanted: number) => Promise<void>) | null;
}

/** A table on paper: with all lines that are not too many, its head on each page, and nothing cut off. */
export default function PrintTable({ label, model, fields, rows, total, more }: PrintTableProps) {
  useEffect(() => void more?.(MOST), [more]);
  const shown = rows.slice(0, MOST);
  const isAll = total === null ? shown.length === rows.length : shown.length >= total;
  const textOf = (row: RecordRow, field: ModelField) =>
    isUnread(row, field) ? '' : formatValue(field, readValue(model, field, row));
  // Paper is narrow: what nobody has needs no room.
  const columns = fields.filter((field) => shown.some((row) => textOf(row, field) !== ''));
  return (
    <div className="print-only">
      <table className="print-table" aria-label={label}>
        <thead>
          <tr>
            {columns.map((field) => (
              <th key={field.id} scope="col" data-align={FIELD_TYPES[valueType(field)].align}>
                {field.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={row.id}>
              {columns.map((field) => (
                <td key={field.id} data-align={FIELD_TYPES[valueType(field)].align}>
                  {textOf(row, field)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {isAll ? null : (
        <p>
          {total === null
            ? t('The first {count} are printed.', { count: countText(shown.length) })
            : t('The first {count} of {total} are printed.', {
                count: countText(shown.length),
                total: countText(total),
              })}{' '}
          {t('An export has them all.')}
        </p>
      )}
    </div>
  );
}
