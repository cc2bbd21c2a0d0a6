import { lazy, Suspense, type ComponentType } from 'react';
import { CommentsCard } from '../comments/CommentsCard.tsx';
import { FilesCard } from '../files/FilesCard.tsx';
import { fieldById, relatedLists } from '../model/lookup.ts';
import { useMay } from '../model/store.ts';
import { JoinedRecords } from '../records/JoinedRecords.tsx';
import { LinksCard } from '../records/LinksCard.tsx';
import { RelatedList } from '../records/RelatedList.tsx';
import record from '../records/RecordView.module.css';
import { Timeline } from '../timeline/Timeline.tsx';
import { joinedList, type Widget, type WidgetKind, type WidgetOf } from './layout.ts';
import { useOpenRecord } from './openRecord.ts';
import { RecordField } from './RecordField.tsx';

const RelationCard = lazy(async () => ({ default: (await import('./RelationCard.tsx')).RelationCard }));
const ChartCard = lazy(async () => ({ default: (await import('./ChartCard.tsx')).ChartCard }));
const FrameCard = lazy(async () => ({ default: (await import('./FrameCard.tsx')).FrameCard }));
const NotesCard = lazy(async () => ({ default: (await import('../notes/NotesCard.tsx')).NotesCard }));
const TasksCard = lazy(async () => ({ default: (await import('../tasks/TasksCard.tsx')).TasksCard }));
const NoNotesYet = lazy(async () => ({ default: (await import('../notes/NoNotesYet.tsx')).NoNotesYet }));
const TextCard = lazy(async () => ({ default: (await import('./TextCard.tsx')).TextCard }));

function FieldCard({ widget }: { widget: WidgetOf<'FIELD'> }) {
  const { model, object, id } = useOpenRecord();
  const field = fieldById(object, widget.fieldId);
  if (!field) return null;
  if (field.junction) return <LinksCard model={model} field={field} id={id} />;
  return (
    <section className={record.block} aria-label={field.label}>
      <RecordField field={field} wide={field.type === 'RICH_TEXT'} />
    </section>
  );
}

function ListCard({ widget }: { widget: WidgetOf<'RELATION'> }) {
  const { model, object, id } = useOpenRecord();
  const list = relatedLists(model, object).find(({ relation }) => relation.id === widget.relationId);
  if (!list) return null;
  const titled = widget.title ? { ...list, label: widget.title } : list;
  // What is joined or stands alone has no table of its own to be shown as.
  return widget.as && widget.as !== 'LIST' && !list.through && !list.single ? (
    <RelationCard key={widget.as} list={titled} as={widget.as} groupFieldId={widget.groupFieldId ?? null} />
  ) : (
    <RelatedList model={model} list={titled} id={id} />
  );
}

function Notes() {
  const { model, object, id } = useOpenRecord();
  const list = joinedList(model, object, 'note');
  return list ? <NotesCard key={id} model={model} list={list} id={id} /> : null;
}

function Tasks() {
  const { model, object, id } = useOpenRecord();
  const list = joinedList(model, object, 'task');
  return list ? <TasksCard key={id} model={model} list={list} id={id} /> : null;
}

function AboutCard() {
  const { model, object, id } = useOpenRecord();
  return <JoinedRecords model={model} object={object} id={id} />;
}

function RecordFiles() {
  const { model, object, id } = useOpenRecord();
  const mayModel = useMay('DATA_MODEL');
  const hasNotes = joinedList(model, object, 'note') !== null;
  return (
    <>
      <FilesCard model={model} object={object} id={id} />
      {mayModel && object.isCustom && !object.isJunction && !hasNotes ? <NoNotesYet object={object} /> : null}
    </>
  );
}

function RecordComments() {
  const { object, id } = useOpenRecord();
  return <CommentsCard object={object} id={id} />;
}

function RecordTimeline() {
  const { model, object, id } = useOpenRecord();
  return <Timeline key={id} model={model} object={object} id={id} />;
}

/** What each kind of widget is on the page. Groups of fields are drawn by the page itself, which searches them. */
const CARDS: { [kind in Exclude<WidgetKind, 'FIELDS'>]: ComponentType<{ widget: WidgetOf<kind> }> } = {
  FIELD: FieldCard,
  RELATION: ListCard,
  CHART: ChartCard,
  TEXT: TextCard,
  FRAME: FrameCard,
  ABOUT: AboutCard,
  NOTES: Notes,
  TASKS: Tasks,
  FILES: RecordFiles,
  COMMENTS: RecordComments,
  TIMELINE: RecordTimeline,
};

export function WidgetCard({ widget }: { widget: Exclude<Widget, { kind: 'FIELDS' }> }) {
  const Card = CARDS[widget.kind] as ComponentType<{ widget: Widget }>;
  return (
    <Suspense fallback={<div className={record.boneRow} aria-busy="true" />}>
      <Card widget={widget} />
    </Suspense>
  );
}
