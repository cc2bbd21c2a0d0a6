import { ActionIcon, Button, Menu, Tooltip } from '@mantine/core';
import {
  IconChevronDown,
  IconChevronRight,
  IconChevronUp,
  IconDots,
  IconHistory,
  IconLayout,
  IconPrinter,
  IconShare2,
  IconShieldQuestion,
  IconTrash,
} from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { Message } from '../app/Message.tsx';
import { useNarrow, usePhone } from '../app/phone.ts';
import type { RecordSearch } from '../app/router.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { ContactButtons } from '../layout/ContactButtons.tsx';
import layoutClasses from '../layout/layout.module.css';
import { useLayout } from '../layout/layouts.ts';
import { OpenRecordProvider } from '../layout/openRecord.ts';
import { fieldsToRead, RecordBody, useFieldsShown } from '../layout/RecordBody.tsx';
import { RecordSkeleton } from '../layout/RecordSkeleton.tsx';
import { labelField, visibleFields } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { useMay } from '../model/store.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { printPage } from '../print/printing.ts';
import { PresentMembers } from '../presence/PresentMembers.tsx';
import { usePresence } from '../presence/usePresence.ts';
import { announceFailure, offerUndo } from './announce.tsx';
import { deleteRecords } from './changes.ts';
import { FavouriteItems } from '../views/FavouriteItems.tsx';
import classes from './RecordView.module.css';
import { rememberRecord } from '../find/recents.ts';
import { useShortcut } from '../shortcuts/useShortcut.ts';
import { editButton, editField } from './editField.ts';
import { listSearch, rememberedSearch, rememberOpened } from './recordSequence.ts';
import { useNeighbours } from './useNeighbours.ts';
import { demandsOf, readAhead, useRecord } from './useRecord.ts';
import type { Step } from '../undo/undo.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const ShareDialog = lazy(() =>
  import('../sharing/ShareDialog.tsx').then(({ ShareDialog: Dialog }) => ({ default: Dialog })),
);
const RecordInHand = lazy(async () => ({ default: (await import('./RecordInHand.tsx')).RecordInHand }));
const MergedInto = lazy(async () => ({ default: (await import('../merge/MergedInto.tsx')).MergedInto }));
const FieldHistory = lazy(async () => ({ default: (await import('../history/FieldHistory.tsx')).FieldHistory }));
const LayoutEditor = lazy(async () => ({ default: (await import('../layout/LayoutEditor.tsx')).LayoutEditor }));
const AccessDialog = lazy(() =>
  import('../sharing/AccessDialog.tsx').then(({ AccessDialog: Dialog }) => ({ default: Dialog })),
);

/** Whoever goes through a list finds the next one read. */
const AHEAD_MS = 300;

export function RecordView({ model, object, id }: { model: Model; object: ModelObject; id: string }) {
  const navigate = useNavigate();
  const search: RecordSearch = useSearch({ strict: false });
  const isNarrow = useNarrow();
  const rights = rightsOf(object);
  const fields = useMemo(() => visibleFields(object), [object]);
  const layout = useLayout(model, object);
  const fieldsShown = useFieldsShown();
  const [dialog, setDialog] = useState<'share' | 'access' | null>(null);
  const [pastOf, setPastOf] = useState<ModelField | null>(null);
  const asked = fieldsToRead(layout, fields, fieldsShown);
  const { row, status, failure, read, ...state } = useRecord(model, object, id, asked);
  const { others, edit } = usePresence(object, id);
  const demands = useMemo(() => demandsOf(state.saves), [state.saves]);
  const label = row ? recordLabel(model, object, row) || t('Untitled') : '';
  const list = listSearch(search);
  const { previous, next, place } = useNeighbours(model, object, id, list);
  const askedKey = asked.map((field) => field.id).join();
  useEffect(() => {
    if (!row || next === undefined) return undefined;
    const timer = setTimeout(() => void readAhead(model, object, next, asked).catch(() => undefined), AHEAD_MS);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each next one
  }, [row === null, next, askedKey]);
  const phone = usePhone();
  const mayArrange = useMay('LAYOUTS');
  const [arranging, setArranging] = useState(false);
  // From now on the address says which list it was opened from.
  const remembered = search.view === undefined ? rememberedSearch(object, id) : undefined;
  useEffect(() => {
    if (remembered)
      void navigate({
        to: '/objects/$namePlural/$id',
        params: { namePlural: object.namePlural, id },
        search: { ...remembered, ...search },
        hash: true,
        replace: true,
      });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each record
  }, [remembered, object.namePlural, id]);

  const open = (other: string | undefined) => {
    if (other)
      void navigate({
        to: '/objects/$namePlural/$id',
        params: { namePlural: object.namePlural, id: other },
        search: { ...list, ...(search.tab === undefined ? {} : { tab: search.tab }) },
      });
  };
  useShortcut('record.next', next === undefined ? null : () => open(next));
  useShortcut('record.previous', previous === undefined ? null : () => open(previous));
  useShortcut('record.edit', row && rights.canUpdate ? () => editField(labelField(object)?.name) : null);
  useEffect(() => {
    if (!row) return;
    rememberRecord({ objectId: object.id, id, label });
    rememberOpened(object, id);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the object is known by its id
  }, [row, object.id, id, label]);

  const remove = async () => {
    let step: Step;
    try {
      step = await deleteRecords(object, [id]);
    } catch (cause) {
      announceFailure(t('{labelSingular} not deleted', { labelSingular: object.labelSingular }), cause);
      return;
    }
    void navigate({ to: '/objects/$namePlural', params: { namePlural: object.namePlural }, search: list });
    offerUndo(object, 1, step, () => open(id));
  };

  const backToList = (
    <Button
      variant="default"
      renderRoot={(props) => (
        <Link to="/objects/$namePlural" params={{ namePlural: object.namePlural }} search={list} {...props} />
      )}
    >
      {t('All {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
    </Button>
  );
  const dialogs = (
    <Suspense fallback={null}>
      {row ? (
        <RecordInHand
          object={object}
          id={id}
          label={label}
          fields={fields}
          isShown={(field) => editButton(field.name) !== null}
          onEdit={(field) => editButton(field.name)?.click()}
          onDelete={() => void remove()}
        />
      ) : null}
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
          isPage
          title={t('This {labelSingular} is not here', { labelSingular: inSentence(object.labelSingular) })}
          actions={
            <>
              <Suspense fallback={null}>
                <MergedInto object={object} id={id} />
              </Suspense>
              {backToList}
              <Button variant="subtle" onClick={() => setDialog('access')}>
                {t('Why?')}
              </Button>
            </>
          }
        >
          {t('It may have been deleted or merged, or your role may not see it.')}
        </Message>
        {dialogs}
      </>
    );
  }
  if (status === 'failed') {
    const forbidden = failure?.code === 'FORBIDDEN';
    return (
      <Message
        isPage
        tone="alert"
        title={forbidden ? t('You may not see this record') : t('The record could not be read')}
        actions={forbidden ? backToList : <Button onClick={() => void read()}>{t('Try again')}</Button>}
      >
        {[failure?.message, failure?.hint].filter(Boolean).join(' ')}
      </Message>
    );
  }

  const buttons = (
    <>
      <Tooltip label={t('Previous (K)')}>
        <ActionIcon
          variant="subtle"
          color="gray"
          disabled={!previous}
          onClick={() => open(previous)}
          aria-label={t('Previous record')}
        >
          <IconChevronUp size={17} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label={t('Next (J)')}>
        <ActionIcon
          variant="subtle"
          color="gray"
          disabled={!next}
          onClick={() => open(next)}
          aria-label={t('Next record')}
        >
          <IconChevronDown size={17} />
        </ActionIcon>
      </Tooltip>
      {rights.canUpdate ? (
        <Tooltip label={t('Share')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            disabled={!row}
            onClick={() => setDialog('share')}
            aria-label={t('Share this {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
          >
            <IconShare2 size={16} />
          </ActionIcon>
        </Tooltip>
      ) : null}
      {rights.canDelete ? (
        <Tooltip label={t('Delete')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            disabled={!row}
            onClick={() => void remove()}
            aria-label={t('Delete this {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
          >
            <IconTrash size={16} />
          </ActionIcon>
        </Tooltip>
      ) : null}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" disabled={!row} aria-label={t('More about this record')}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {mayArrange ? (
            <Menu.Item leftSection={<IconLayout size={15} />} onClick={() => setArranging(true)}>
              {t('Arrange this page…')}
            </Menu.Item>
          ) : null}
          <FavouriteItems target={{ kind: 'RECORD', objectId: object.id, recordId: id }} />
          <Menu.Item
            leftSection={<IconHistory size={15} />}
            onClick={() =>
              void navigate({
                to: '/objects/$namePlural/$id',
                params: { namePlural: object.namePlural, id },
                search: { ...list, asOf: new Date().toISOString() },
              })
            }
          >
            {t('As it was…')}
          </Menu.Item>
          <Menu.Item leftSection={<IconPrinter size={15} />} onClick={() => void printPage()}>
            {t('Print…')}
          </Menu.Item>
          <Menu.Item leftSection={<IconShieldQuestion size={15} />} onClick={() => setDialog('access')}>
            {t('Explain access')}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
  return (
    <>
      <header className={classes.header} data-screen>
        <nav aria-label={t('Breadcrumb')} className={classes.crumbs}>
          <Link
            to="/objects/$namePlural"
            params={{ namePlural: object.namePlural }}
            search={list}
            className={classes.crumb}
          >
            <ObjectIcon name={object.icon} color={object.color} />
            {object.labelPlural}
          </Link>
          <IconChevronRight size={14} aria-hidden className={classes.crumbArrow} />
          <span className={classes.crumbHere}>{label}</span>
        </nav>
        <div className={classes.tools}>
          <PresentMembers object={object} others={others} />
          {place ? <span className={classes.place}>{place}</span> : null}
          {phone ? null : buttons}
        </div>
      </header>
      {dialogs}
      <div
        className={isNarrow ? classes.narrowPage : classes.page}
        data-paper
        aria-busy={row === null}
        tabIndex={0}
        role="region"
        aria-label={label || object.labelSingular}
      >
        {arranging ? (
          <Suspense fallback={null}>
            <LayoutEditor object={object} onDone={() => setArranging(false)} />
          </Suspense>
        ) : row && layout ? (
          <OpenRecordProvider
            value={{
              model,
              object,
              id,
              row,
              isNarrow,
              ...state,
              demands,
              save: (field, value) => void state.save(field, value),
              editedBy: (field) => others.find((one) => one.field === field.name)?.name,
              onEditing: (field, isEditing) => edit(isEditing ? field.name : null),
              onPast: setPastOf,
            }}
          >
            <RecordBody
              layout={layout}
              fields={fieldsShown}
              tab={search.tab ?? null}
              onTab={(tab) =>
                void navigate({
                  to: '/objects/$namePlural/$id',
                  params: { namePlural: object.namePlural, id },
                  search: { ...list, tab },
                  replace: true,
                })
              }
              isPage
            />
          </OpenRecordProvider>
        ) : (
          <RecordSkeleton fields={fields.length} isNarrow={isNarrow} />
        )}
      </div>
      {phone && !arranging ? (
        <div className={layoutClasses.phoneBar} role="toolbar" aria-label={t('What to do with this record')}>
          {row ? <ContactButtons object={object} row={row} /> : null}
          {buttons}
        </div>
      ) : null}
    </>
  );
}
