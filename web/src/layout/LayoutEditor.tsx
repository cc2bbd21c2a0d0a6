import {
  ActionIcon,
  Alert,
  Button,
  Group,
  Menu,
  Modal,
  MultiSelect,
  NativeSelect,
  TextInput,
  Textarea,
  Tooltip,
} from '@mantine/core';
import {
  IconArrowLeft,
  IconArrowRight,
  IconDots,
  IconGripVertical,
  IconPlus,
  IconTrash,
  IconX,
} from '@tabler/icons-react';
import { useBlocker } from '@tanstack/react-router';
import { useEffect, useId, useMemo, useState } from 'react';
import { toFailure } from '../api/failure.ts';
import { fieldById, objectById, relatedLists, visibleFields } from '../model/lookup.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { offerToTakeBack } from '../records/announce.tsx';
import { reasonOf } from '../records/refusals.ts';
import {
  addTab,
  addWidget,
  changeTab,
  changeWidget,
  fieldList,
  moveField,
  moveTab,
  moveWidget,
  placeOf,
  removeField,
  removeTab,
  removeWidget,
  tabList,
  takeNewIn,
  type Place,
} from './arrange.ts';
import classes from './arrange.module.css';
import { ChartForm } from './ChartForm.tsx';
import { ConditionDialog } from './ConditionDialog.tsx';
import { layoutOf, stages, widgetsOf, type Layout, type Tab, type Widget } from './layout.ts';
import { askLayouts, resetLayout, saveLayout, type KeptLayout } from './layouts.ts';
import { useArranging, type Held } from './useArranging.ts';
import { tabName, widgetName } from './widgetTexts.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const EVERYBODY = 'everybody';

/** The page of an object's records, to be arranged: nothing is seen of it by others until it is saved. */
export function LayoutEditor({ object: own, onDone }: { object: ModelObject; onDone: () => void }) {
  const [kept, setKept] = useState<{ layouts: KeptLayout[]; roles: { id: string; name: string }[] } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [whose, setWhose] = useState<string | null>(null);
  useEffect(() => {
    let isWanted = true;
    askLayouts(own.id).then(
      (answer) => isWanted && setKept(answer),
      (cause: unknown) => isWanted && setProblem(reasonOf(toFailure(cause))),
    );
    return () => {
      isWanted = false;
    };
  }, [own.id]);
  if (problem)
    return (
      <Alert color="red" variant="light" m="md" role="alert">
        {problem}{' '}
        <Button size="compact-sm" variant="subtle" onClick={onDone}>
          {t('Back to the record')}
        </Button>
      </Alert>
    );
  if (!kept) return <div className={classes.editor} aria-busy="true" />;
  return (
    <Editor
      key={whose}
      own={own}
      whose={whose}
      roles={kept.roles}
      layouts={kept.layouts}
      onWhose={setWhose}
      onDone={onDone}
    />
  );
}

interface EditorProps {
  own: ModelObject;
  whose: string | null;
  roles: { id: string; name: string }[];
  layouts: KeptLayout[];
  onWhose: (roleId: string | null) => void;
  onDone: () => void;
}

function Editor({ own, whose, roles, layouts, onWhose, onDone }: EditorProps) {
  // Also what one's own role does not read has its place, for those who do.
  const model = useWholeModel();
  const object = objectById(model, own.id) ?? own;
  const fields = useMemo(() => visibleFields(object), [object]);
  const lists = useMemo(() => relatedLists(model, object), [model, object]);
  const found = layouts.find(({ roleId }) => roleId === whose) ?? null;
  // What is new for a role begins as everybody has it.
  const [start] = useState(() =>
    layoutOf(model, object, found?.content ?? layouts.find(({ roleId }) => roleId === null)?.content ?? null),
  );
  const [draft, setDraft] = useState(start);
  const [tabId, setTabId] = useState(start.tabs[0]?.id ?? null);
  const [said, setSaid] = useState('');
  const [before, setBefore] = useState(start);
  const [asking, setAsking] = useState<{ id: string; name: string; isTab: boolean } | null>(null);
  const [charting, setCharting] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const titleId = useId();
  const tab = draft.tabs.find(({ id }) => id === tabId) ?? draft.tabs[0] ?? null;
  const isChanged = JSON.stringify(draft) !== JSON.stringify(start);

  useEffect(() => {
    if (!isChanged) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [isChanged]);
  const leaving = useBlocker({ shouldBlockFn: () => isChanged && !busy, withResolver: true });

  const nameOfList = (list: string): string => {
    if (list === 'side') return t('beside the tabs');
    const inTab = draft.tabs.find((each) => tabList(each) === list);
    if (inTab) return t('in the tab {name}', { name: tabName(inTab) });
    const group = widgetsOf(draft).find((widget) => fieldList(widget) === list);
    return group ? t('in {model}', { model: widgetName(model, object, group) }) : '';
  };
  const move = (held: Held, to: Place) => {
    setDraft((now) => (held.kind === 'widget' ? moveWidget(now, held.id, to) : moveField(now, held.id, to)));
    setSaid(t('{name} is {index}. {list}.', { name: held.name, index: to.index + 1, list: nameOfList(to.list) }));
  };
  const { dragged, inHand, handle } = useArranging({
    onMove: move,
    onTake: () => setBefore(draft),
    onLeave: () => setDraft(before),
    onTab: setTabId,
    say: setSaid,
    onStep: (held, way) => {
      const at = placeOf(draft, held.id);
      if (!at) return;
      if (way === 'up' || way === 'down') {
        const length =
          held.kind === 'widget'
            ? (at.list === 'side' ? draft.side : (tab?.widgets ?? [])).length
            : widgetsOf(draft).flatMap((widget) =>
                widget.kind === 'FIELDS' && fieldList(widget) === at.list ? widget.fieldIds : [],
              ).length;
        const index = at.index + (way === 'up' ? -1 : 1);
        if (index >= 0 && index < length) move(held, { list: at.list, index });
        return;
      }
      const around =
        held.kind === 'widget'
          ? ['side', ...(tab ? [tabList(tab)] : [])]
          : [...draft.side, ...(tab?.widgets ?? [])].flatMap((widget) =>
              widget.kind === 'FIELDS' ? fieldList(widget) : [],
            );
      const list = around[around.indexOf(at.list) + (way === 'left' ? -1 : 1)];
      if (list !== undefined) move(held, { list, index: 0 });
    },
  });

  const save = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await saveLayout(own.id, draft, whose, found?.version ?? 0);
      onDone();
    } catch (cause) {
      setProblem(reasonOf(toFailure(cause)));
      setBusy(false);
    }
  };
  const reset = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await resetLayout(own.id, whose);
      const { content } = found ?? { content: start };
      offerToTakeBack(t('The page is as usual again'), () => saveLayout(own.id, content, whose, 0));
      onDone();
    } catch (cause) {
      setProblem(reasonOf(toFailure(cause)));
      setBusy(false);
    }
  };

  const add = (list: string, widget: Widget) => {
    const { layout, id } = addWidget(draft, list, widget);
    setDraft(layout);
    if (widget.kind === 'CHART') setCharting(id);
    setSaid(t('{model} added.', { model: widgetName(model, object, widget) }));
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-handle="${id}"]`)?.focus());
  };
  const placed = new Set(
    widgetsOf(draft).flatMap((widget) =>
      widget.kind === 'FIELDS' ? widget.fieldIds : widget.kind === 'FIELD' ? [widget.fieldId] : [],
    ),
  );
  const left = fields.filter(({ id }) => !placed.has(id));
  const kinds = new Set(widgetsOf(draft).map(({ kind }) => kind));
  const leftLists = lists.filter(
    ({ relation }) => !widgetsOf(draft).some((each) => each.kind === 'RELATION' && each.relationId === relation.id),
  );
  const chartable = lists.filter(({ through, single }) => !through && !single);

  const fieldChip = (group: Widget, fieldId: string, index: number) => {
    const field = fieldById(object, fieldId);
    if (!field) return null;
    const held: Held = { kind: 'field', id: fieldId, name: field.label };
    const isOver = dragged?.over?.list === fieldList(group) && dragged.over.index === index;
    return (
      <li
        key={fieldId}
        className={classes.field}
        data-item={fieldId}
        data-dragged={dragged?.id === fieldId || undefined}
        data-over={isOver || undefined}
      >
        <button
          type="button"
          className={classes.handle}
          aria-label={t('Move {label}', { label: field.label })}
          {...handle(held)}
        >
          <IconGripVertical size={14} aria-hidden />
        </button>
        <span className={classes.fieldName}>{field.label}</span>
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('More for {label}', { label: field.label })}
            >
              <IconDots size={14} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {[...draft.side, ...(tab?.widgets ?? [])].map((widget) =>
              widget.kind === 'FIELDS' && widget.id !== group.id ? (
                <Menu.Item
                  key={widget.id}
                  onClick={() => move(held, { list: fieldList(widget), index: widget.fieldIds.length })}
                >
                  {t('To {model}', { model: widgetName(model, object, widget) })}
                </Menu.Item>
              ) : null,
            )}
            <Menu.Item
              onClick={() => {
                const list = tab ? tabList(tab) : 'side';
                setDraft(
                  addWidget(removeField(draft, fieldId), list, {
                    id: `field-${field.name}`,
                    kind: 'FIELD',
                    fieldId,
                  }).layout,
                );
              }}
            >
              {t('A card of its own')}
            </Menu.Item>
            <Menu.Item onClick={() => setDraft(removeField(draft, fieldId))}>{t('Out of the page')}</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </li>
    );
  };

  const card = (widget: Widget, list: string, index: number, isLast: boolean) => {
    const name = widgetName(model, object, widget);
    const held: Held = { kind: 'widget', id: widget.id, name };
    const isOver = dragged?.kind === 'widget' && dragged.over?.list === list && dragged.over.index === index;
    const set = (next: Widget) => setDraft(changeWidget(draft, next));
    const relation = 'relationId' in widget ? lists.find((each) => each.relation.id === widget.relationId) : undefined;
    return (
      <li
        key={widget.id}
        className={classes.card}
        data-item={widget.id}
        data-dragged={dragged?.id === widget.id || undefined}
        data-held={inHand?.id === widget.id || undefined}
        data-over={isOver || undefined}
        data-last={isLast || undefined}
      >
        <div className={classes.cardHead}>
          <button type="button" className={classes.handle} aria-label={t('Move {name}', { name })} {...handle(held)}>
            <IconGripVertical size={15} aria-hidden />
          </button>
          <strong className={classes.cardName}>{name}</strong>
          {widget.condition ? <span className={classes.note}>{t('for some records')}</span> : null}
          {widget.kind === 'FIELDS' && widget.takesNew ? (
            <span className={classes.note}>{t('takes new fields')}</span>
          ) : null}
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" size="sm" ml="auto" aria-label={t('More for {name}', { name })}>
                <IconDots size={15} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => setAsking({ id: widget.id, name, isTab: false })}>
                {t('When it is shown…')}
              </Menu.Item>
              {widget.kind === 'FIELDS' ? (
                <>
                  <Menu.Item onClick={() => setDraft(takeNewIn(draft, widget.id, !widget.takesNew))}>
                    {widget.takesNew ? t('Take no new fields') : t('Take new fields')}
                  </Menu.Item>
                  <Menu.Item onClick={() => set({ ...widget, isFolded: !widget.isFolded })}>
                    {widget.isFolded ? t('Begin open') : t('Begin folded')}
                  </Menu.Item>
                </>
              ) : null}
              {widget.kind === 'RELATION' && relation && !relation.through && !relation.single
                ? (['LIST', 'TABLE', 'BOARD'] as const).map((as) => (
                    <Menu.Item
                      key={as}
                      disabled={
                        (widget.as ?? 'LIST') === as || (as === 'BOARD' && stages(relation.holder).length === 0)
                      }
                      onClick={() => set({ ...widget, as })}
                    >
                      {as === 'LIST' ? t('As a list') : as === 'TABLE' ? t('As a table') : t('As a board')}
                    </Menu.Item>
                  ))
                : null}
              {widget.kind === 'CHART' ? (
                <Menu.Item onClick={() => setCharting(widget.id)}>{t('What it shows…')}</Menu.Item>
              ) : null}
              <Menu.Divider />
              {['side', ...draft.tabs.map(tabList)]
                .filter((each) => each !== list)
                .map((each) => (
                  <Menu.Item key={each} onClick={() => move(held, { list: each, index: 999 })}>
                    {each === 'side'
                      ? t('Move beside the tabs')
                      : t('Move to {draft}', { draft: nameOfTab(draft, each) })}
                  </Menu.Item>
                ))}
              <Menu.Divider />
              <Menu.Item
                color="red"
                leftSection={<IconTrash size={14} />}
                onClick={() => {
                  setDraft(removeWidget(draft, widget.id));
                  setSaid(t('{name} taken out.', { name }));
                }}
              >
                {t('Take out')}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </div>
        {widget.kind === 'FIELDS' || widget.kind === 'TEXT' || widget.kind === 'FRAME' || widget.kind === 'RELATION' ? (
          <TextInput
            size="xs"
            aria-label={t('Title of {name}', { name })}
            placeholder={widget.kind === 'FIELDS' ? t('No title') : name}
            value={widget.title ?? ''}
            maxLength={100}
            onChange={(event) => {
              const { title: _, ...rest } = widget;
              const title = event.currentTarget.value;
              set((title === '' ? rest : { ...rest, title }) as Widget);
            }}
          />
        ) : null}
        {widget.kind === 'FIELDS' ? (
          <>
            <ul className={classes.fieldsList} data-list-of="field" data-list={fieldList(widget)}>
              {widget.fieldIds.map((id, at) => fieldChip(widget, id, at))}
              {widget.fieldIds.length === 0 ? <li className={classes.empty}>{t('Drag fields here.')}</li> : null}
            </ul>
            {left.length > 0 ? (
              <NativeSelect
                size="xs"
                aria-label={t('Add a field to {name}', { name })}
                value=""
                data={[{ value: '', label: t('Add a field…') }, ...left.map(({ id, label }) => ({ value: id, label }))]}
                onChange={(event) => {
                  const { value } = event.currentTarget;
                  if (value) setDraft(moveField(draft, value, { list: fieldList(widget), index: 999 }));
                }}
              />
            ) : null}
          </>
        ) : null}
        {widget.kind === 'TEXT' ? (
          <Textarea
            size="xs"
            autosize
            minRows={2}
            maxRows={8}
            aria-label={t('Text of {name}', { name })}
            placeholder={t('What those who read this page should know')}
            value={widget.text}
            maxLength={10000}
            onChange={(event) => set({ ...widget, text: event.currentTarget.value })}
          />
        ) : null}
        {widget.kind === 'FRAME' ? (
          <TextInput
            size="xs"
            type="url"
            aria-label={t('Address of {name}', { name })}
            placeholder="https://"
            description={t(
              "'{'id'}' and the API names of fields in braces, such as '{'name'}', stand for the record's own.",
            )}
            value={widget.url}
            onChange={(event) => set({ ...widget, url: event.currentTarget.value })}
          />
        ) : null}
      </li>
    );
  };

  const adder = (list: string) => (
    <Menu position="bottom-start">
      <Menu.Target>
        <Button
          variant="subtle"
          size="compact-sm"
          leftSection={<IconPlus size={14} />}
          aria-label={list === 'side' ? t('Add beside the tabs') : t('Add to the tab')}
        >
          {t('Add')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={420} style={{ overflow: 'auto' }}>
        <Menu.Item onClick={() => add(list, { id: 'group', kind: 'FIELDS', title: t('New group'), fieldIds: [] })}>
          {t('Group of fields')}
        </Menu.Item>
        <Menu.Item onClick={() => add(list, { id: 'text', kind: 'TEXT', text: '' })}>{t('Text')}</Menu.Item>
        <Menu.Item onClick={() => add(list, { id: 'page', kind: 'FRAME', url: 'https://' })}>{t('Web page')}</Menu.Item>
        {chartable[0] ? (
          <Menu.Item
            onClick={() =>
              add(list, {
                id: 'chart',
                kind: 'CHART',
                relationId: chartable[0]!.relation.id,
                groupFieldId: stages(chartable[0]!.holder)[0]?.id ?? '',
                aggregate: 'COUNT',
              })
            }
          >
            {t('Chart')}
          </Menu.Item>
        ) : null}
        {(['ABOUT', 'NOTES', 'TASKS', 'FILES', 'COMMENTS', 'TIMELINE'] as const)
          .filter((kind) => !kinds.has(kind))
          .map((kind) => (
            <Menu.Item key={kind} onClick={() => add(list, { id: kind.toLowerCase(), kind })}>
              {widgetName(model, object, { id: '', kind })}
            </Menu.Item>
          ))}
        {leftLists.length > 0 ? <Menu.Label>{t('Related records')}</Menu.Label> : null}
        {leftLists.map(({ relation, label, holder, field }) => (
          <Menu.Item
            key={relation.id}
            onClick={() =>
              add(list, {
                id: `relation-${holder.nameSingular}-${field.name}`,
                kind: 'RELATION',
                relationId: relation.id,
              })
            }
          >
            {label}
          </Menu.Item>
        ))}
        {left.length > 0 ? <Menu.Label>{t('A field of its own')}</Menu.Label> : null}
        {left.map((field) => (
          <Menu.Item
            key={field.id}
            onClick={() => add(list, { id: `field-${field.name}`, kind: 'FIELD', fieldId: field.id })}
          >
            {field.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
  const listOf = (widgets: Widget[], list: string, label: string) => (
    <>
      <ul className={classes.cards} data-list-of="widget" data-list={list} aria-label={label}>
        {widgets.map((widget, index) => card(widget, list, index, index === widgets.length - 1))}
        {widgets.length === 0 ? <li className={classes.empty}>{t('Drag cards here, or add some.')}</li> : null}
      </ul>
      {adder(list)}
    </>
  );
  const charted = widgetsOf(draft).find(({ id }) => id === charting);
  const askedTab = asking?.isTab ? draft.tabs.find(({ id }) => id === asking.id) : undefined;
  const askedWidget = asking && !asking.isTab ? widgetsOf(draft).find(({ id }) => id === asking.id) : undefined;
  return (
    <div className={classes.editor} data-arranging role="region" aria-labelledby={titleId} tabIndex={-1}>
      <div className={classes.bar}>
        <h1 id={titleId} className={classes.barTitle}>
          {t('Arranging the page of {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
        </h1>
        <NativeSelect
          size="xs"
          aria-label={t('For whom')}
          value={whose ?? EVERYBODY}
          disabled={isChanged}
          title={isChanged ? t('Save or discard your changes first') : undefined}
          data={[
            { value: EVERYBODY, label: t('For everybody') },
            ...roles.map(({ id, name }) => ({ value: id, label: t('For the role {name}', { name }) })),
          ]}
          onChange={(event) => onWhose(event.currentTarget.value === EVERYBODY ? null : event.currentTarget.value)}
        />
        <div className={classes.barEnd}>
          {found ? (
            <Button size="compact-sm" variant="subtle" color="gray" disabled={busy} onClick={() => void reset()}>
              {whose === null ? t('Back to the usual one') : t('As everybody has it')}
            </Button>
          ) : null}
          <Button size="compact-sm" variant="default" onClick={onDone}>
            {isChanged ? t('Discard') : t('Close')}
          </Button>
          <Button size="compact-sm" loading={busy} disabled={!isChanged} onClick={() => void save()}>
            {t('Save')}
          </Button>
        </div>
      </div>
      {problem ? (
        <Alert color="red" variant="light" m="sm" p="xs" role="alert">
          {problem}
        </Alert>
      ) : null}
      <div className={classes.headParts}>
        <MultiSelect
          size="xs"
          label={t('Beside the name')}
          value={draft.headerFieldIds}
          maxValues={8}
          data={fields.filter(({ junction }) => !junction).map(({ id, label }) => ({ value: id, label }))}
          onChange={(headerFieldIds) => setDraft({ ...draft, headerFieldIds })}
        />
        <NativeSelect
          size="xs"
          label={t('Path of stages')}
          value={draft.stageFieldId ?? ''}
          data={[{ value: '', label: t('None') }, ...stages(object).map(({ id, label }) => ({ value: id, label }))]}
          onChange={(event) => setDraft({ ...draft, stageFieldId: event.currentTarget.value || null })}
        />
      </div>
      <div className={classes.columns}>
        <section aria-label={t('Beside the tabs')}>
          <h2 className={classes.columnTitle}>{t('Beside the tabs')}</h2>
          {listOf(draft.side, 'side', t('Cards beside the tabs'))}
        </section>
        <section aria-label={t('Tabs')}>
          <div className={classes.tabs} role="group" aria-label={t('Tabs')}>
            {draft.tabs.map((each) => (
              <button
                key={each.id}
                type="button"
                className={classes.tab}
                data-tab={each.id}
                aria-pressed={each === tab}
                onClick={() => setTabId(each.id)}
              >
                {tabName(each)}
              </button>
            ))}
            <Tooltip label={t('Add a tab')}>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('Add a tab')}
                onClick={() => {
                  const added = addTab(draft, t('New tab'));
                  setDraft(added.layout);
                  setTabId(added.id);
                }}
              >
                <IconPlus size={15} />
              </ActionIcon>
            </Tooltip>
          </div>
          {tab ? (
            <>
              <div className={classes.tabTools}>
                <TextInput
                  size="xs"
                  aria-label={t('Name of the tab')}
                  value={tabName(tab)}
                  maxLength={60}
                  onChange={(event) => setDraft(changeTab(draft, { ...tab, name: event.currentTarget.value }))}
                />
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('Move {name} to the left', { name: tabName(tab) })}
                  disabled={draft.tabs[0] === tab}
                  onClick={() => setDraft(moveTab(draft, tab.id, -1))}
                >
                  <IconArrowLeft size={15} />
                </ActionIcon>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('Move {name} to the right', { name: tabName(tab) })}
                  disabled={draft.tabs.at(-1) === tab}
                  onClick={() => setDraft(moveTab(draft, tab.id, 1))}
                >
                  <IconArrowRight size={15} />
                </ActionIcon>
                <Button
                  size="compact-sm"
                  variant="subtle"
                  color="gray"
                  onClick={() => setAsking({ id: tab.id, name: tabName(tab), isTab: true })}
                >
                  {tab.condition ? t('For some records…') : t('When it is shown…')}
                </Button>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('Remove the tab {name}', { name: tabName(tab) })}
                  onClick={() => setDraft(removeTab(draft, tab.id))}
                >
                  <IconX size={15} />
                </ActionIcon>
              </div>
              {listOf(tab.widgets, tabList(tab), t('Cards of {name}', { name: tabName(tab) }))}
            </>
          ) : null}
        </section>
      </div>
      {dragged ? (
        <div className={classes.ghost} style={{ left: dragged.x + 8, top: dragged.y + 8 }} aria-hidden>
          {dragged.name}
        </div>
      ) : null}
      <div className="visually-hidden" role="status" aria-live="assertive">
        {said}
      </div>
      <Modal
        opened={leaving.status === 'blocked'}
        onClose={() => leaving.reset?.()}
        title={t('The page is not saved as you have arranged it')}
        size="sm"
      >
        <Group justify="flex-end">
          <Button variant="default" onClick={() => leaving.reset?.()}>
            {t('Go on arranging')}
          </Button>
          <Button color="red" onClick={() => leaving.proceed?.()}>
            {t('Discard')}
          </Button>
        </Group>
      </Modal>
      {asking && (askedTab ?? askedWidget) ? (
        <ConditionDialog
          model={model}
          object={object}
          name={asking.name}
          condition={(askedTab ?? askedWidget)?.condition}
          onClose={() => setAsking(null)}
          onChange={(condition) => {
            if (askedTab) setDraft(changeTab(draft, withCondition(askedTab, condition)));
            else if (askedWidget) setDraft(changeWidget(draft, withCondition(askedWidget, condition)));
          }}
        />
      ) : null}
      {charted?.kind === 'CHART' ? (
        <ChartForm
          lists={chartable}
          widget={charted}
          onClose={() => setCharting(null)}
          onChange={(next) => setDraft(changeWidget(draft, next))}
        />
      ) : null}
    </div>
  );
}

const nameOfTab = (layout: Layout, list: string): string =>
  layout.tabs.flatMap((tab) => (tabList(tab) === list ? tabName(tab) : []))[0] ?? '';

function withCondition<Item extends Tab | Widget>(item: Item, condition: Item['condition']): Item {
  const { condition: _, ...rest } = item;
  return (condition ? { ...rest, condition } : rest) as Item;
}
