import { Tabs } from '@mantine/core';
import { useMemo, useState, type ReactNode } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { toGraphQLFilter, readFilter, type StoredFilter } from '../model/filterTree.ts';
import { fieldById, visibleFields } from '../model/lookup.ts';
import type { Clause } from '../model/filters.ts';
import { matches } from '../model/matches.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelField } from '../model/types.ts';
import { readValue, recordLabel } from '../model/values.ts';
import { usePrinting } from '../print/printing.ts';
import { CreateHost } from '../records/CreateHost.tsx';
import { Duplicates } from '../records/Duplicates.tsx';
import { ALL_IN_VIEW, FieldSearch, fieldsInView, MoreFields, type FieldsInView } from '../records/RecordFields.tsx';
import record from '../records/RecordView.module.css';
import { isUnread } from '../records/tableStore.ts';
import { useSession } from '../session/session.ts';
import { FieldsCard } from './FieldsCard.tsx';
import { conditionFields, shownLayout, widgetsOf, type Layout, type Widget } from './layout.ts';
import { isOwn, useAsked } from './useAsked.ts';
import { tabName } from './widgetTexts.ts';
import classes from './layout.module.css';
import { useOpenRecord } from './openRecord.ts';
import { SaveNote } from './SaveNote.tsx';
import { StagePath } from './StagePath.tsx';
import { WidgetCard } from './widgets.tsx';
import { t } from '../language/t.ts';

/** Of very many fields those that are shown now: they are looked for by name, and read as one comes to them. */
export interface FieldsShown {
  view: FieldsInView;
  onView: (view: FieldsInView) => void;
}

/** All of them, whatever was looked for. */
const ON_PAPER: FieldsInView = { query: '', count: Infinity };

export const useFieldsShown = (): FieldsShown => {
  const [view, onView] = useState(ALL_IN_VIEW);
  const isPrinting = usePrinting((state) => state.isPrinting);
  return { view: isPrinting ? ON_PAPER : view, onView };
};

/** Fields of groups, in the order of the page. What a layout shows otherwise is always read. */
export function fieldsToRead(layout: Layout | null, fields: ModelField[], { view }: FieldsShown): ModelField[] {
  // The record is not kept waiting for its layout; of very many fields the first are read meanwhile.
  if (!layout) return fieldsInView(fields, view).shown;
  const own = new Set(widgetsOf(layout).flatMap((widget) => (widget.kind === 'FIELD' ? [widget.fieldId] : [])));
  const { shown } = fieldsInView(
    fields.filter(({ id }) => !own.has(id)),
    view,
  );
  const always = new Set([...own, ...layout.headerFieldIds, layout.stageFieldId, ...conditionFields(layout)]);
  return fields.filter((field) => always.has(field.id) || shown.includes(field));
}

interface RecordBodyProps {
  layout: Layout;
  fields: FieldsShown;
  tab: string | null;
  onTab: (tab: string) => void;
  /** What stands at the end of the head. */
  actions?: ReactNode;
  /** It is the page's own, and not beside a list. */
  isPage?: boolean;
}

/** What is told of the open record: its head, its stages, and the cards of the layout in their tabs. */
export function RecordBody({ layout, fields: { view, onView }, tab, onTab, actions, isPage }: RecordBodyProps) {
  const open = useOpenRecord();
  const { model, object, row, id, isNarrow } = open;
  const whole = useWholeModel();
  const isPrinting = usePrinting((state) => state.isPrinting);
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const clauses = useMemo(() => {
    const now = new Date();
    const read = ({ condition }: { condition?: StoredFilter }): [StoredFilter, Clause][] => {
      const clause = condition && toGraphQLFilter(model, object, readFilter(whole, object, condition), now, me);
      return clause ? [[condition, clause]] : [];
    };
    return new Map([...layout.tabs, ...widgetsOf(layout)].flatMap(read));
  }, [model, whole, object, layout, me]);
  const beyond = useMemo(() => [...clauses.values()].filter((clause) => !isOwn(object, clause)), [object, clauses]);
  const holding = useAsked(model, object, row, beyond);
  const shown = useMemo(() => {
    const isShown = (condition: StoredFilter | undefined): boolean => {
      const clause = condition && clauses.get(condition);
      // What cannot be told, since the field is gone or not to be read, hides nothing.
      if (!clause) return true;
      return isOwn(object, clause) ? matches(clause, row) === true : holding.has(JSON.stringify(clause));
    };
    return shownLayout(model, object, layout, isShown);
  }, [model, object, layout, row, clauses, holding]);

  const grouped = widgetsOf(shown).flatMap((widget) => (widget.kind === 'FIELDS' ? widget.fieldIds : []));
  const all = useMemo(() => visibleFields(object), [object]);
  const listed = all.filter(({ id: fieldId }) => grouped.includes(fieldId));
  const inView = fieldsInView(listed, view);
  const isInView = (fieldId: string) => inView.shown.some((field) => field.id === fieldId);

  const card = (widget: Widget) =>
    widget.kind === 'FIELDS' ? (
      <FieldsCard key={widget.id} widget={widget} shown={isInView} />
    ) : (
      <WidgetCard key={widget.id} widget={widget} />
    );
  const side = (
    <>
      <FieldSearch total={listed.length} view={view} onView={onView} />
      {shown.side.map(card)}
      {inView.matching === 0 && listed.length > 0 ? (
        <p className={record.quiet}>{t('No field is called so.')}</p>
      ) : null}
      <MoreFields
        rest={inView.matching - inView.shown.length}
        onMore={(step) => onView({ ...view, count: view.count + step })}
      />
    </>
  );

  const label = recordLabel(model, object, row) || t('Untitled');
  const Title = isPage ? 'h1' : 'h2';
  const keys = shown.headerFieldIds.flatMap((fieldId) => fieldById(object, fieldId) ?? []);
  const told = keys.filter((field) => !isUnread(row, field) && readValue(model, field, row) !== null);
  const stage = fieldById(object, shown.stageFieldId);
  const head = (
    <div className={classes.head}>
      <div className={classes.titleRow}>
        <Avatar label={label} seed={id} size={isNarrow ? 34 : 40} round={object.nameSingular === 'person'} />
        <div className={classes.titles}>
          <Title className={classes.title}>{label}</Title>
          {told.length > 0 ? (
            <dl className={classes.keys}>
              {told.map((field) => (
                <div key={field.id} className={classes.key}>
                  <dt>{field.label}</dt>
                  <dd>
                    <FieldDisplay field={field} value={readValue(model, field, row)} />
                  </dd>
                </div>
              ))}
            </dl>
          ) : null}
        </div>
        <div className={classes.headEnd}>
          <SaveNote object={object} saves={open.saves} />
          {actions}
        </div>
      </div>
      {stage && !isUnread(row, stage) ? <StagePath field={stage} /> : null}
    </div>
  );

  const details = { id: 'details', name: t('Details'), widgets: [] };
  // Where the fields tell nothing that the head does not, as with a note, its text is what one opens it for.
  const tells = listed.some(
    ({ id: fieldId, isSystem }) =>
      !isSystem && fieldId !== object.labelFieldId && !shown.headerFieldIds.includes(fieldId),
  );
  const narrowTabs = tells ? [details, ...shown.tabs] : [...shown.tabs, details];
  const tabs = isNarrow ? narrowTabs : shown.tabs;
  // An address may also ask for what a tab holds, such as the comments, wherever that is.
  const current =
    tabs.find((each) => each.id === tab) ??
    tabs.find(({ widgets }) => widgets.some(({ kind }) => kind.toLowerCase() === tab)) ??
    tabs[0];
  const panels = (
    <Tabs
      value={current?.id ?? null}
      onChange={(next) => next !== null && onTab(next)}
      // Paper has no tabs: it shows what each of them holds.
      keepMounted={isPrinting}
      keepMountedMode="display-none"
      data-paper
      classNames={{ root: classes.tabs, list: classes.tabList, tab: classes.tab, panel: classes.panel }}
    >
      {tabs.length > 1 ? (
        <Tabs.List aria-label={t('Parts of the record')}>
          {tabs.map((each) => (
            <Tabs.Tab key={each.id} value={each.id}>
              {tabName(each)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
      ) : null}
      {tabs.map((each) => (
        <Tabs.Panel key={each.id} value={each.id} data-paper>
          {tabs.length > 1 ? <h2 className="print-only print-part">{each.name}</h2> : null}
          {each === tabs[0] ? <Duplicates model={model} object={object} id={id} /> : null}
          {each === details ? (
            <section className={classes.details} aria-label={t('Fields')}>
              {side}
            </section>
          ) : (
            each.widgets.map(card)
          )}
        </Tabs.Panel>
      ))}
    </Tabs>
  );
  return (
    <>
      {head}
      {isNarrow ? (
        panels
      ) : (
        <div className={classes.columns} data-paper>
          <section className={record.side} aria-label={t('Fields')} data-paper>
            {side}
          </section>
          <div className={record.content} data-paper>
            {panels}
          </div>
        </div>
      )}
      <CreateHost model={model} />
    </>
  );
}
