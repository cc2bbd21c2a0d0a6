import { countText } from '../model/formats.ts';
import { Button } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconPlus } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { useCreate } from '../app/commandStore.ts';
import { useDensityFactor } from '../app/density.ts';
import { Message } from '../app/Message.tsx';
import { settle } from '../app/settled.ts';
import { CardLines, cardFields, filledFields } from '../board/cardLines.tsx';
import { Avatar } from '../fields/Avatar.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { localDay } from '../model/dates.ts';
import { toGraphQLFilter } from '../model/filterTree.ts';
import { rightsOf } from '../model/permissions.ts';
import { orderBy } from '../model/sorting.ts';
import type { RecordRow } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { onShown } from '../offline/pending.ts';
import { shownFields } from '../records/columnLayout.ts';
import { dependencies } from '../records/dependencies.ts';
import { rememberList } from '../records/recordSequence.ts';
import { createTableStore } from '../records/tableStore.ts';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { ViewFrame, type ViewPageProps } from '../records/ViewFrame.tsx';
import { useSession } from '../session/session.ts';
import { coverField } from '../views/layoutFields.ts';
import { coverOf } from './cover.ts';
import classes from './gallery.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';
import { meantKey } from '../language/direction.ts';

const CreateModal = lazy(async () => ({ default: (await import('../records/CreateModal.tsx')).CreateModal }));

const NARROWEST = 220;
const GAP = 12;
const COVER = 124;
const NAME = 42;
const LINE = 22;

function Cover({ url, label, id }: { url: string | null; label: string; id: string }) {
  const [isBroken, setIsBroken] = useState(false);
  return (
    <span className={classes.cover}>
      {url !== null && !isBroken ? (
        <img src={url} alt="" loading="lazy" draggable={false} onError={() => setIsBroken(true)} />
      ) : (
        <Avatar label={label} seed={id} size={52} />
      )}
    </span>
  );
}

/** Records as cards with a picture, by rows, as many in one as there is room for. */
export function GalleryPage(props: ViewPageProps) {
  const { model, object, shown, show } = props;
  const { filters, sorts, options, layout } = shown;
  const [table] = useState(createTableStore);
  const { rows, status, failure, hasMore, total } = useStore(table);
  const [creating, setCreating] = useState(false);
  const navigate = useNavigate();
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const rights = rightsOf(object);
  const cover = coverField(object, options);
  const fields = useMemo(
    () => cardFields(object, shownFields(object, layout), options, cover),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- of the options the size of the cards alone
    [object, layout, options.cardSize, cover],
  );
  const asked = useMemo(() => (cover ? [...fields, cover] : fields), [fields, cover]);
  const label = object.fields.find(({ id }) => id === object.labelFieldId);

  useEffect(() => {
    if (status === 'ready' || status === 'failed') requestAnimationFrame(() => setTimeout(settle));
  }, [status]);

  const today = localDay(new Date());
  const filterKey = useMemo(
    () => JSON.stringify(toGraphQLFilter(model, object, filters, new Date(), me)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what "today" is changes with the day
    [model, object, filters, me, today],
  );
  const order = orderBy(object, sorts).join();
  const fieldKey = asked.map(({ id, type }) => `${id}:${type}`).join();
  const load = useCallback(
    () =>
      void table.load({
        model,
        object,
        fields: asked,
        filter: JSON.parse(filterKey) as null,
        orderBy: order.split(','),
      }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- fieldKey stands for fields, model and object
    [table, filterKey, order, fieldKey, object.namePlural],
  );
  useEffect(load, [load]);
  useEffect(
    () =>
      rememberList(
        object,
        rows.map((row) => row.id),
        total,
      ),
    [object, rows, total],
  );

  const { ref: sized, width } = useElementSize();
  const scroller = useRef<HTMLDivElement>(null);
  const across = Math.max(1, Math.floor((width + GAP) / (NARROWEST + GAP)));
  const lines = Math.max(0, ...rows.map((row) => filledFields(model, fields, row).length));
  const height = COVER + NAME + lines * LINE * useDensityFactor() + 10;
  const isLoading = status === 'loading' && rows.length === 0;
  const shownCards = isLoading ? 24 : rows.length + (hasMore ? across : 0);
  const virtualizer = useVirtualizer({
    count: width === 0 ? 0 : Math.ceil(shownCards / across),
    getScrollElement: () => scroller.current,
    estimateSize: () => height + GAP,
    // Rows of another height or length are others.
    getItemKey: useMemo(() => (index: number) => `${height} ${across} ${index}`, [height, across]),
    overscan: 3,
  });
  const firstRow = virtualizer.range?.startIndex ?? 0;
  const lastRow = virtualizer.range?.endIndex ?? 0;
  useEffect(() => {
    if (hasMore && (lastRow + 6) * across > rows.length) void table.more((lastRow + 12) * across);
  }, [table, hasMore, lastRow, across, rows.length]);

  useEffect(() => onShown(table.follow), [table]);
  useLiveObjects(
    useMemo(() => [object.id, ...dependencies(model, object, asked)], [model, object, asked]),
    () => void table.refresh(firstRow * across, (lastRow + 1) * across).catch(() => undefined),
  );

  const createAsked = useCreate((state) => state.objectId === object.id);
  useEffect(() => {
    if (!createAsked) return;
    useCreate.setState({ objectId: null });
    if (rights.canCreate) setCreating(true);
  }, [createAsked, rights.canCreate]);

  const card = (row: RecordRow | undefined, index: number) => {
    if (!row) return <span key={index} className={classes.bone} style={{ height }} />;
    const name = recordLabel(model, object, row) || t('Untitled');
    return (
      <article key={row.id} className={classes.slot} aria-posinset={index + 1} aria-setsize={total ?? -1}>
        <Link
          to="/objects/$namePlural/$id"
          params={{ namePlural: object.namePlural, id: row.id }}
          className={classes.card}
          style={{ height }}
          data-card={index}
        >
          <Cover key={coverOf(model, cover, row)} url={coverOf(model, cover, row)} label={name} id={row.id} />
          <span className={classes.name}>{name}</span>
          <span className={classes.lines}>
            <CardLines model={model} fields={filledFields(model, fields, row)} row={row} />
          </span>
        </Link>
      </article>
    );
  };

  /** Arrow keys go from card to card, as they lie. */
  const onKeyDown = (event: React.KeyboardEvent<HTMLElement>) => {
    const at = Number((event.target as HTMLElement).dataset['card'] ?? NaN);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[meantKey(event.key)];
    const next = at + (by ?? 0);
    if (Number.isNaN(at) || by === undefined || next < 0 || next >= rows.length) return;
    event.preventDefault();
    virtualizer.scrollToIndex(Math.floor(next / across));
    const focus = (tries: number) => {
      const element = scroller.current?.querySelector<HTMLElement>(`[data-card="${next}"]`);
      if (element) element.focus({ preventScroll: true });
      else if (tries > 0) requestAnimationFrame(() => focus(tries - 1));
    };
    focus(12);
  };

  const lower = inSentence(object.labelPlural);
  const isEmpty = status === 'ready' && rows.length === 0;
  const create = rights.canCreate ? () => setCreating(true) : null;
  return (
    <ViewFrame
      {...props}
      note={isLoading ? '' : total === null ? `${countText(rows.length)}+` : countText(total)}
      onCreate={create}
    >
      {status === 'failed' ? (
        <Message
          tone="alert"
          title={t('The {lower} could not be read', { lower })}
          actions={<Button onClick={load}>{t('Try again')}</Button>}
        >
          {[failure?.message, failure?.hint].filter(Boolean).join(' ')}
        </Message>
      ) : isEmpty && filters.length > 0 ? (
        <Message
          title={t('No {lower} match', { lower })}
          actions={
            <Button variant="default" onClick={() => show({ filters: [] })}>
              {t('Clear the filters')}
            </Button>
          }
        >
          {t('Nothing fits all of these filters at once.')}
        </Message>
      ) : isEmpty ? (
        <Message
          icon={<ObjectIcon name={object.icon} color={object.color} size={22} />}
          title={t('No {lower} yet', { lower })}
          actions={
            create ? (
              <Button leftSection={<IconPlus size={14} />} onClick={create}>
                {t('Create the first {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
              </Button>
            ) : undefined
          }
        >
          {object.description}
        </Message>
      ) : (
        <div
          ref={scroller}
          className={classes.gallery}
          role="feed"
          aria-label={object.labelPlural}
          aria-busy={isLoading}
          onKeyDown={onKeyDown}
        >
          <div ref={sized} style={{ position: 'relative', height: virtualizer.getTotalSize() }}>
            {virtualizer.getVirtualItems().map(({ index, start }) => (
              <div
                key={index}
                className={classes.row}
                role="presentation"
                style={{ top: start, gridTemplateColumns: `repeat(${across}, minmax(0, 1fr))` }}
              >
                {Array.from({ length: Math.min(across, shownCards - index * across) }, (_, column) =>
                  card(rows[index * across + column], index * across + column),
                )}
              </div>
            ))}
          </div>
        </div>
      )}
      <Suspense fallback={null}>
        {creating ? (
          <CreateModal
            model={model}
            object={object}
            fields={label ? [...asked, label] : asked}
            values={{}}
            start={undefined}
            onClose={() => setCreating(false)}
            onCreated={(row) =>
              void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id: row.id } })
            }
          />
        ) : null}
      </Suspense>
    </ViewFrame>
  );
}
