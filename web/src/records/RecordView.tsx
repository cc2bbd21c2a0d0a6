import { ActionIcon, Button, Menu, Tooltip } from '@mantine/core';
import {
  IconChevronDown,
  IconChevronRight,
  IconChevronUp,
  IconDots,
  IconHistory,
  IconShare2,
  IconShieldQuestion,
  IconTrash,
} from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useMemo, useState } from 'react';
import { Message } from '../app/Message.tsx';
import { CommentsCard } from '../comments/CommentsCard.tsx';
import { FilesCard, isFilesList } from '../files/FilesCard.tsx';
import { Avatar } from '../fields/Avatar.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { labelField, relatedLists, visibleFields } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { PresentMembers } from '../presence/PresentMembers.tsx';
import { usePresence } from '../presence/usePresence.ts';
import { announceFailure, offerUndo } from './announce.tsx';
import { deleteRecords } from './changes.ts';
import { CreateHost } from './CreateHost.tsx';
import { Duplicates } from './Duplicates.tsx';
import { FieldRow } from './FieldRow.tsx';
import { JoinedRecords } from './JoinedRecords.tsx';
import { LinksCard } from './LinksCard.tsx';
import { ALL_IN_VIEW, FieldSearch, fieldsInView, MoreFields } from './RecordFields.tsx';
import { FavouriteItems } from '../views/FavouriteItems.tsx';
import classes from './RecordView.module.css';
import { neighbours } from './recordSequence.ts';
import { RelatedList } from './RelatedList.tsx';
import { isUnread } from './tableStore.ts';
import { Timeline } from '../timeline/Timeline.tsx';
import { useShortcut } from '../shortcuts/useShortcut.ts';
import { useRecord } from './useRecord.ts';
import type { Step } from '../undo/undo.ts';

const ShareDialog = lazy(() =>
  import('../sharing/ShareDialog.tsx').then(({ ShareDialog: Dialog }) => ({ default: Dialog })),
);
const MergedInto = lazy(async () => ({ default: (await import('../merge/MergedInto.tsx')).MergedInto }));
const FieldHistory = lazy(async () => ({ default: (await import('../history/FieldHistory.tsx')).FieldHistory }));
const AccessDialog = lazy(() =>
  import('../sharing/AccessDialog.tsx').then(({ AccessDialog: Dialog }) => ({ default: Dialog })),
);

/** Beyond so many long texts, a page that shows each in full is no page any more. */
const LONG_TEXTS = 6;

/** Long texts and links have room of their own; the rest is a list. */
function parted(fields: ModelField[]): { long: ModelField[]; short: ModelField[]; links: ModelField[] } {
  const long = fields.filter((field) => field.type === 'RICH_TEXT').slice(0, LONG_TEXTS);
  const links = fields.filter((field) => field.junction);
  return { long, links, short: fields.filter((field) => !field.junction && !long.includes(field)) };
}

export function RecordView({ model, object, id }: { model: Model; object: ModelObject; id: string }) {
  const navigate = useNavigate();
  const fields = useMemo(() => visibleFields(object), [object]);
  const rights = rightsOf(object);
  const titleField = labelField(object);
  const { long, short, links } = useMemo(() => parted(fields), [fields]);
  const [view, setView] = useState(ALL_IN_VIEW);
  const [dialog, setDialog] = useState<'share' | 'access' | null>(null);
  const [pastOf, setPastOf] = useState<ModelField | null>(null);
  const { shown, matching } = fieldsInView(short, view);
  const asked = [...(titleField ? [titleField] : []), ...shown.filter((field) => field !== titleField), ...long];
  const { row, status, failure, saves, flashing, save, refuse, drop, read } = useRecord(model, object, id, asked);
  const { others, edit } = usePresence(object, id);
  const presenceOf = (field: ModelField) => ({
    editedBy: others.find((one) => one.field === field.name)?.name,
    onEditing: (isEditing: boolean) => edit(isEditing ? field.name : null),
  });
  const demands = new Map(
    Object.values(saves).flatMap((state) =>
      state.kind === 'refused' && state.refusal.needs ? [[state.refusal.needs.id, state.refusal.reason]] : [],
    ),
  );
  const { previous, next, place } = neighbours(object, id);
  const lists = useMemo(() => relatedLists(model, object).filter((list) => !isFilesList(list)), [model, object]);
  const label = row ? recordLabel(model, object, row) || 'Untitled' : '';

  const open = (other: string | undefined) => {
    if (other) void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id: other } });
  };
  useShortcut('record.next', next === undefined ? null : () => open(next));
  useShortcut('record.previous', previous === undefined ? null : () => open(previous));

  const remove = async () => {
    let step: Step;
    try {
      step = await deleteRecords(object, [id]);
    } catch (cause) {
      announceFailure(`${object.labelSingular} not deleted`, cause);
      return;
    }
    void navigate({ to: '/objects/$namePlural', params: { namePlural: object.namePlural } });
    offerUndo(object, 1, step, () => open(id));
  };

  const backToList = (
    <Button
      variant="default"
      renderRoot={(props) => <Link to="/objects/$namePlural" params={{ namePlural: object.namePlural }} {...props} />}
    >
      All {object.labelPlural.toLowerCase()}
    </Button>
  );
  const dialogs = (
    <Suspense fallback={null}>
      {dialog === 'share' ? <ShareDialog object={object} ids={[id]} onClose={() => setDialog(null)} /> : null}
      {pastOf ? (
        <FieldHistory model={model} object={object} id={id} field={pastOf} onClose={() => setPastOf(null)} />
      ) : null}
      {dialog === 'access' ? <AccessDialog object={object} id={id} onClose={() => setDialog(null)} /> : null}
    </Suspense>
  );
  if (status === 'missing') {
    return (
      <>
        <Message
          title={`This ${object.labelSingular.toLowerCase()} is not here`}
          actions={
            <>
              <Suspense fallback={null}>
                <MergedInto object={object} id={id} />
              </Suspense>
              {backToList}
              <Button variant="subtle" onClick={() => setDialog('access')}>
                Why?
              </Button>
            </>
          }
        >
          It may have been deleted or merged, or your role may not see it.
        </Message>
        {dialogs}
      </>
    );
  }
  if (status === 'failed') {
    const forbidden = failure?.code === 'FORBIDDEN';
    return (
      <Message
        tone="alert"
        title={forbidden ? 'You may not see this record' : 'The record could not be read'}
        actions={forbidden ? backToList : <Button onClick={() => void read()}>Try again</Button>}
      >
        {[failure?.message, failure?.hint].filter(Boolean).join(' ')}
      </Message>
    );
  }

  return (
    <>
      <header className={classes.header}>
        <nav aria-label="Breadcrumb" className={classes.crumbs}>
          <Link to="/objects/$namePlural" params={{ namePlural: object.namePlural }} className={classes.crumb}>
            <ObjectIcon name={object.icon} color={object.color} />
            {object.labelPlural}
          </Link>
          <IconChevronRight size={14} aria-hidden className={classes.crumbArrow} />
          <span className={classes.crumbHere}>{label}</span>
        </nav>
        <div className={classes.tools}>
          <PresentMembers object={object} others={others} />
          {place ? <span className={classes.place}>{place}</span> : null}
          <Tooltip label="Previous (K)">
            <ActionIcon
              variant="subtle"
              color="gray"
              disabled={!previous}
              onClick={() => open(previous)}
              aria-label="Previous record"
            >
              <IconChevronUp size={17} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Next (J)">
            <ActionIcon
              variant="subtle"
              color="gray"
              disabled={!next}
              onClick={() => open(next)}
              aria-label="Next record"
            >
              <IconChevronDown size={17} />
            </ActionIcon>
          </Tooltip>
          {rights.canUpdate ? (
            <Tooltip label="Share">
              <ActionIcon
                variant="subtle"
                color="gray"
                disabled={!row}
                onClick={() => setDialog('share')}
                aria-label={`Share this ${object.labelSingular.toLowerCase()}`}
              >
                <IconShare2 size={16} />
              </ActionIcon>
            </Tooltip>
          ) : null}
          {rights.canDelete ? (
            <Tooltip label="Delete">
              <ActionIcon
                variant="subtle"
                color="gray"
                disabled={!row}
                onClick={() => void remove()}
                aria-label={`Delete this ${object.labelSingular.toLowerCase()}`}
              >
                <IconTrash size={16} />
              </ActionIcon>
            </Tooltip>
          ) : null}
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" disabled={!row} aria-label="More about this record">
                <IconDots size={16} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <FavouriteItems target={{ kind: 'RECORD', objectId: object.id, recordId: id }} />
              <Menu.Item
                leftSection={<IconHistory size={15} />}
                onClick={() =>
                  void navigate({
                    to: '/objects/$namePlural/$id',
                    params: { namePlural: object.namePlural, id },
                    search: { asOf: new Date().toISOString() },
                  })
                }
              >
                As it was…
              </Menu.Item>
              <Menu.Item leftSection={<IconShieldQuestion size={15} />} onClick={() => setDialog('access')}>
                Explain access
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </div>
      </header>
      {dialogs}
      <div
        className={classes.page}
        aria-busy={row === null}
        tabIndex={0}
        role="region"
        aria-label={label || object.labelSingular}
      >
        <section className={classes.side} aria-label="Fields">
          <div className={classes.titleRow}>
            {row ? (
              <Avatar label={label} seed={id} size={40} round={object.nameSingular === 'person'} />
            ) : (
              <span className={classes.bone} style={{ width: 40, height: 40 }} />
            )}
            <h1 className={classes.title}>
              {row ? label : <span className={classes.bone} style={{ width: 180, height: 18 }} />}
            </h1>
          </div>
          <div className={classes.fields}>
            <FieldSearch total={short.length} view={view} onView={setView} />
            {shown.map((field) =>
              row && !isUnread(row, field) ? (
                <FieldRow
                  key={field.id}
                  model={model}
                  field={field}
                  row={row}
                  save={saves[field.id]}
                  flashing={flashing.includes(field.name)}
                  readOnly={!rights.canUpdate}
                  emphasis={field === titleField}
                  demand={demands.get(field.id)}
                  onSave={(value) => void save(field, value)}
                  onUnread={(text, reason) => refuse(field, text, reason)}
                  onDrop={() => drop(field)}
                  {...presenceOf(field)}
                  onPast={field.junction ? undefined : () => setPastOf(field)}
                />
              ) : (
                <div key={field.id} className={classes.boneRow}>
                  <span className={classes.bone} style={{ width: 90 }} />
                  <span className={classes.bone} style={{ width: 140 }} />
                </div>
              ),
            )}
            {matching === 0 ? <p className={classes.quiet}>No field is called so.</p> : null}
            <MoreFields
              rest={row ? matching - shown.length : 0}
              onMore={(step) => setView((now) => ({ ...now, count: now.count + step }))}
            />
          </div>
        </section>
        <div className={classes.content}>
          {row ? <Duplicates model={model} object={object} id={id} /> : null}
          {row
            ? long.map((field) => (
                <section key={field.id} className={classes.block} aria-label={field.label}>
                  <FieldRow
                    model={model}
                    field={field}
                    row={row}
                    save={saves[field.id]}
                    flashing={flashing.includes(field.name)}
                    readOnly={!rights.canUpdate}
                    wide
                    demand={demands.get(field.id)}
                    onSave={(value) => void save(field, value)}
                    onUnread={(text, reason) => refuse(field, text, reason)}
                    onDrop={() => drop(field)}
                    {...presenceOf(field)}
                    onPast={() => setPastOf(field)}
                  />
                </section>
              ))
            : null}
          {row ? (
            <>
              {links.map((field) => (
                <LinksCard key={field.id} model={model} field={field} id={id} />
              ))}
              <JoinedRecords model={model} object={object} id={id} />
              <FilesCard model={model} object={object} id={id} />
              {lists.map((list) => (
                <RelatedList key={list.key} model={model} list={list} id={id} />
              ))}
              <CommentsCard object={object} id={id} />
              <Timeline key={id} model={model} object={object} id={id} />
              <CreateHost model={model} />
            </>
          ) : null}
        </div>
      </div>
    </>
  );
}
