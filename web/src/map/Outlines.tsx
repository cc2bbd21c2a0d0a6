import classes from './map.module.css';
import { boxOf, pixelOf, widthAt, type Sight } from './mercator.ts';
import { outlines, UNITS } from './outlines.ts';

const STEPS = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005];
const APART = 110;

/** How far apart the lines are that tell where one is. */
const stepAt = (zoom: number): number => STEPS.findLast((step) => (step / 360) * widthAt(zoom) >= APART) ?? 30;

/** Where there are no pictures of the ground: the countries, and a grid with its degrees. */
export function Outlines({ sight, size }: { sight: Sight; size: { width: number; height: number } }) {
  const scale = widthAt(sight.zoom) / UNITS;
  const origin = pixelOf({ lat: 85.0511, lng: -180 }, sight, size);
  const box = boxOf(sight, size);
  const step = stepAt(sight.zoom);
  const between = (from: number, until: number) => {
    const lines: number[] = [];
    for (let at = Math.ceil(from / step) * step; at <= until; at += step) lines.push(Number(at.toFixed(4)));
    return lines;
  };
  return (
    <svg className={classes.outlines} width={size.width} height={size.height} aria-hidden>
      <path
        d={outlines}
        transform={`translate(${origin.x} ${origin.y}) scale(${scale})`}
        vectorEffect="non-scaling-stroke"
        className={classes.land}
      />
      {between(box.west, box.east).map((lng) => {
        const { x } = pixelOf({ lat: 0, lng }, sight, size);
        return (
          <g key={`x${lng}`}>
            <line x1={x} x2={x} y1={0} y2={size.height} />
            <text x={x + 4} y={size.height - 6}>{`${Math.abs(lng)}°${lng < 0 ? 'W' : lng > 0 ? 'E' : ''}`}</text>
          </g>
        );
      })}
      {between(Math.max(box.south, -84), Math.min(box.north, 84)).map((lat) => {
        const { y } = pixelOf({ lat, lng: 0 }, sight, size);
        return (
          <g key={`y${lat}`}>
            <line x1={0} x2={size.width} y1={y} y2={y} />
            <text x={6} y={y - 4}>{`${Math.abs(lat)}°${lat < 0 ? 'S' : lat > 0 ? 'N' : ''}`}</text>
          </g>
        );
      })}
    </svg>
  );
}
