import { project, widthAt, type Place } from './mercator.ts';

/** What is drawn as one: a record by itself, or how many lie too near to one another to tell them apart. */
export interface Cluster extends Place {
  ids: string[];
}

const NEAR = 76;

/** Puts together what lies in the same field of a grid, whose lines depend on the zoom alone: nothing jumps while one looks around. */
export function clustersOf(points: readonly (Place & { id: string })[], zoom: number): Cluster[] {
  // Of half a zoom they are the same as of the whole one: they change in steps.
  const fields = widthAt(Math.round(zoom)) / NEAR;
  const found = new Map<string, Cluster>();
  for (const { id, lat, lng } of points) {
    const { x, y } = project({ lat, lng });
    const key = `${Math.floor(x * fields)} ${Math.floor(y * fields)}`;
    const cluster = found.get(key);
    if (!cluster) found.set(key, { ids: [id], lat, lng });
    else {
      const count = cluster.ids.push(id);
      cluster.lat += (lat - cluster.lat) / count;
      cluster.lng += (lng - cluster.lng) / count;
    }
  }
  return [...found.values()];
}
