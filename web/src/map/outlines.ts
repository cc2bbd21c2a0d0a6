import world from './world.json' with { type: 'json' };
import { project } from './mercator.ts';

export const UNITS = 1000;

/** The outlines of the countries as one path, in a square of a thousand. Kept as rings: tenths of a degree, the first whole, then steps. */
export const outlines: string = world
  .map(([startX = 0, startY = 0, ...steps]) => {
    let [x, y] = [startX, startY];
    const at = () => {
      const point = project({ lat: y / 10, lng: x / 10 });
      return `${(point.x * UNITS).toFixed(2)} ${(point.y * UNITS).toFixed(2)}`;
    };
    let path = `M${at()}`;
    for (let index = 0; index < steps.length; index += 2) {
      x += steps[index] ?? 0;
      y += steps[index + 1] ?? 0;
      path += `L${at()}`;
    }
    return `${path}Z`;
  })
  .join('');
