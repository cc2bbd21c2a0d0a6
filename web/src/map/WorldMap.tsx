import { ActionIcon } from '@mantine/core';
import { IconFocusCentered, IconMinus, IconPlus } from '@tabler/icons-react';
import { lazy, Suspense, useEffect, useRef, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import { t } from '../language/t.ts';
import classes from './map.module.css';
import { boxOf, panned, pixelOf, project, widthAt, within, zoomed, type Point, type Sight } from './mercator.ts';
import type { Tiles } from './tiles.ts';

const Outlines = lazy(async () => ({ default: (await import('./Outlines.tsx')).Outlines }));

interface WorldMapProps {
  label: string;
  sight: Sight;
  size: { width: number; height: number };
  tiles: Tiles | null;
  onSight: (sight: Sight) => void;
  /** Shows all there is. */
  onFit: () => void;
  onGround: () => void;
  children: ReactNode;
}

const STEP = 80;
const FAR_ENOUGH = 4;
/** Pictures of the ground end here. */
const NEAREST_TILES = 19;

/** A map that is moved by mouse, fingers and keys. What stands on it is given, at pixels of `pixelOf`. */
export function WorldMap({ label, sight, size, tiles, onSight, onFit, onGround, children }: WorldMapProps) {
  const ground = useRef<HTMLDivElement>(null);
  const latest = useRef({ sight, size, onSight });
  useEffect(() => {
    latest.current = { sight, size, onSight };
  });
  const go = (next: Sight) => onSight(within(next, size));
  const middle = { x: size.width / 2, y: size.height / 2 };

  // React's own listener for wheels may not keep the page from scrolling.
  useEffect(() => {
    const element = ground.current;
    if (!element) return undefined;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const box = element.getBoundingClientRect();
      const { sight: now, size: room, onSight: tell } = latest.current;
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
      const by = Math.max(-1, Math.min(1, (-event.deltaY * lines) / (event.ctrlKey ? 80 : 250)));
      const next = zoomed(now, by, { x: event.clientX - box.left, y: event.clientY - box.top }, room);
      latest.current.sight = within(next, room);
      tell(latest.current.sight);
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, []);

  const pointers = useRef(new Map<number, Point>());
  const hasMoved = useRef(false);
  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0 || (event.target as HTMLElement).closest('button, a, section')) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    hasMoved.current = false;
  };
  const onPointerMove = (event: PointerEvent<HTMLElement>) => {
    const before = pointers.current.get(event.pointerId);
    if (!before) return;
    const at = { x: event.clientX, y: event.clientY };
    if (!hasMoved.current && Math.hypot(at.x - before.x, at.y - before.y) < FAR_ENOUGH) return;
    hasMoved.current = true;
    const other = [...pointers.current].find(([id]) => id !== event.pointerId)?.[1];
    pointers.current.set(event.pointerId, at);
    let next = panned(latest.current.sight, {
      x: (before.x - at.x) / (other ? 2 : 1),
      y: (before.y - at.y) / (other ? 2 : 1),
    });
    if (other && ground.current) {
      const box = ground.current.getBoundingClientRect();
      const apart = (a: Point) => Math.max(20, Math.hypot(a.x - other.x, a.y - other.y));
      const between = { x: (at.x + other.x) / 2 - box.left, y: (at.y + other.y) / 2 - box.top };
      next = zoomed(next, Math.log2(apart(at) / apart(before)), between, size);
    }
    latest.current.sight = within(next, size);
    onSight(latest.current.sight);
  };
  const onPointerUp = (event: PointerEvent<HTMLElement>) => {
    if (pointers.current.delete(event.pointerId) && !hasMoved.current && event.type === 'pointerup') onGround();
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const by: { [key: string]: Point } = {
      ArrowLeft: { x: -STEP, y: 0 },
      ArrowRight: { x: STEP, y: 0 },
      ArrowUp: { x: 0, y: -STEP },
      ArrowDown: { x: 0, y: STEP },
    };
    const way = by[event.key];
    if (way) go(panned(sight, way));
    else if (event.key === '+' || event.key === '=') go(zoomed(sight, 1, middle, size));
    else if (event.key === '-') go(zoomed(sight, -1, middle, size));
    else if (event.key === '0') onFit();
    else return;
    event.preventDefault();
  };

  return (
    <div
      ref={ground}
      className={classes.world}
      role="group"
      aria-label={label}
      aria-describedby="map-help"
      tabIndex={0}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerCancel={onPointerUp}
      onDoubleClick={(event) => {
        if ((event.target as HTMLElement).closest('button, section')) return;
        const box = event.currentTarget.getBoundingClientRect();
        go(zoomed(sight, 1, { x: event.clientX - box.left, y: event.clientY - box.top }, size));
      }}
      onKeyDown={onKeyDown}
    >
      {tiles ? <Ground tiles={tiles} sight={sight} size={size} /> : null}
      {tiles ? null : (
        <Suspense fallback={null}>
          <Outlines sight={sight} size={size} />
        </Suspense>
      )}
      {children}
      <div className={classes.buttons}>
        <ActionIcon
          variant="default"
          size="lg"
          aria-label={t('Nearer')}
          onClick={() => go(zoomed(sight, 1, middle, size))}
        >
          <IconPlus size={16} />
        </ActionIcon>
        <ActionIcon
          variant="default"
          size="lg"
          aria-label={t('Farther')}
          onClick={() => go(zoomed(sight, -1, middle, size))}
        >
          <IconMinus size={16} />
        </ActionIcon>
        <ActionIcon variant="default" size="lg" aria-label={t('Show all')} title={t('Show all')} onClick={onFit}>
          <IconFocusCentered size={16} />
        </ActionIcon>
      </div>
      {tiles?.attribution ? <p className={classes.attribution}>{tiles.attribution}</p> : null}
      <p id="map-help" hidden>
        {t('Arrow keys move the map, plus and minus zoom, 0 shows all.')}
      </p>
    </div>
  );
}

/** Pictures of the ground, square beside square. */
function Ground({ tiles, sight, size }: { tiles: Tiles; sight: Sight; size: { width: number; height: number } }) {
  const zoom = Math.max(0, Math.min(NEAREST_TILES, Math.round(sight.zoom)));
  const count = 2 ** zoom;
  const wide = widthAt(sight.zoom) / count;
  const box = boxOf(sight, size);
  const [first, last] = [project({ lat: box.north, lng: box.west }), project({ lat: box.south, lng: box.east })];
  const shown: ReactNode[] = [];
  const clamp = (value: number) => Math.max(0, Math.min(count - 1, Math.floor(value * count)));
  const origin = pixelOf({ lat: 85.0511, lng: -180 }, sight, size);
  for (let y = clamp(first.y); y <= clamp(last.y); y++)
    for (let x = clamp(first.x); x <= clamp(last.x); x++)
      shown.push(
        <img
          key={`${zoom}/${x}/${y}`}
          src={tiles.url
            .replaceAll('{z}', String(zoom))
            .replaceAll('{x}', String(x))
            .replaceAll('{y}', String(y))
            .replaceAll('{r}', window.devicePixelRatio > 1 ? '@2x' : '')}
          alt=""
          draggable={false}
          referrerPolicy="origin"
          style={{
            width: wide + 0.5,
            height: wide + 0.5,
            transform: `translate(${origin.x + x * wide}px, ${origin.y + y * wide}px)`,
          }}
        />,
      );
  return (
    <div className={classes.tiles} aria-hidden>
      {shown}
    </div>
  );
}
