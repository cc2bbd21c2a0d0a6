import { Avatar } from '../fields/Avatar.tsx';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { withArticle } from '../model/names.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import classes from './editor.module.css';
import { previewField, type FieldDraft } from './fieldDraft.ts';
import { isRelational, sampleValue } from './typeCatalogue.ts';
import { t } from '../language/t.ts';

function RelatedSample({ draft }: { draft: FieldDraft }) {
  const model = useWholeModel();
  const target = model.objects.find((each) => each.id === draft.targets[0]);
  const name = draft.type === 'MEMBER' ? t('Anna Lindqvist') : (target?.labelSingular ?? t('Record'));
  const many = draft.relationKind === 'MANY_TO_MANY' || draft.relationKind === 'ONE_TO_MANY';
  return (
    <span className={classes.related}>
      {(many ? [name, t('Another')] : [name]).map((label) => (
        <span key={label}>
          <Avatar label={label} seed={label} size={16} round={draft.type === 'MEMBER'} /> {label}
        </span>
      ))}
    </span>
  );
}

/** How the field looks on a record and in a table, before it exists. */
export function FieldPreview({ object, draft }: { object: ModelObject; draft: FieldDraft }) {
  const field = previewField(draft);
  const { icon: TypeIcon, align } = FIELD_TYPES[draft.resultType ?? draft.type];
  const sample =
    isRelational(draft.type) || draft.type === 'MEMBER' ? (
      <RelatedSample draft={draft} />
    ) : (
      <FieldDisplay field={field} value={sampleValue(field)} />
    );
  return (
    <section className={classes.preview} aria-label={t('Preview')}>
      <div className={classes.previewHead}>
        {t('On {labelSingular}', { labelSingular: withArticle(object.labelSingular) })}
      </div>
      <div className={classes.previewRow} inert>
        <span className={classes.previewLabel}>
          <TypeIcon size={15} stroke={1.75} aria-hidden />
          {field.label}
          {draft.isRequired ? <span className={classes.star}>*</span> : null}
        </span>
        <span className={classes.previewValue}>{sample}</span>
      </div>
      <div className={classes.previewHead}>{t('In the table')}</div>
      <div className={classes.previewTable} inert>
        <div className={classes.previewColumn} data-align={align}>
          <TypeIcon size={14} stroke={1.75} aria-hidden />
          {field.label}
        </div>
        <div className={classes.previewCell} data-align={align}>
          {sample}
        </div>
      </div>
    </section>
  );
}
