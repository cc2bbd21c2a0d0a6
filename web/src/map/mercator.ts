/** The world as maps show it: a square from 0 to 1, whose width has 256 pixels at zoom 0 and doubles with each next one. */
export interface Point {
  x: number;
  y: number;
}

export interface Place {
  lat: number;
  lng: number;
}

/** What is in the middle of a map, and how near it is. */
export interface Sight extends Place {
  zoom: number;
}

/** A part of the world between its edges. */
export interface Box {
  south: number;
  west: number;
  north: number;
  east: number;
}

const TILE = 256;
export const NEAREST = 18;
/** As far up and down as the square reaches. */
const POLE = 85.0511;

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

export function project({ lat, lng }: Place): Point {
  const sin = Math.sin((clamp(lat, -POLE, POLE) * Math.PI) / 180);
  return { x: lng / 360 + 0.5, y: 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI) };
}

export const unproject = ({ x, y }: Point): Place => ({
  lat: (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI,
  lng: (x - 0.5) * 360,
});

/** How many pixels the world is wide. */
export const widthAt = (zoom: number): number => TILE * 2 ** zoom;

interface Size {
  width: number;
  height: number;
}

/** Where a place is in a picture of the map. */
export function pixelOf(place: Place, sight: Sight, { width, height }: Size): Point {
  const [point, middle, wide] = [project(place), project(sight), widthAt(sight.zoom)];
  return { x: (point.x - middle.x) * wide + width / 2, y: (point.y - middle.y) * wide + height / 2 };
}

export function placeAt(pixel: Point, sight: Sight, { width, height }: Size): Place {
  const [middle, wide] = [project(sight), widthAt(sight.zoom)];
  return unproject({ x: middle.x + (pixel.x - width / 2) / wide, y: middle.y + (pixel.y - height / 2) / wide });
}

/** So far away at most that the world fills the picture; and no farther off than where it ends. */
export function within(sight: Sight, { width }: Size): Sight {
  const zoom = clamp(sight.zoom, Math.max(0, Math.log2(Math.max(1, width) / TILE) - 1), NEAREST);
  return { lat: clamp(sight.lat, -POLE, POLE), lng: clamp(sight.lng, -180, 180), zoom };
}

export const panned = (sight: Sight, by: Point): Sight => {
  const [middle, wide] = [project(sight), widthAt(sight.zoom)];
  return { ...sight, ...unproject({ x: middle.x + by.x / wide, y: middle.y + by.y / wide }) };
};

/** Nearer or farther, while what is under a pixel stays there. */
export function zoomed(sight: Sight, by: number, at: Point, size: Size): Sight {
  const next = within({ ...sight, zoom: sight.zoom + by }, size);
  const [from, to] = [project(placeAt(at, sight, size)), project(placeAt(at, next, size))];
  const middle = project(next);
  return { ...unproject({ x: middle.x + from.x - to.x, y: middle.y + from.y - to.y }), zoom: next.zoom };
}

export function boxOf(sight: Sight, size: Size): Box {
  const [first, last] = [placeAt({ x: 0, y: 0 }, sight, size), placeAt({ x: size.width, y: size.height }, sight, size)];
  return {
    south: Math.max(-90, last.lat <= -85 ? -90 : last.lat),
    west: Math.max(-180, first.lng),
    north: Math.min(90, first.lat >= 85 ? 90 : first.lat),
    east: Math.min(180, last.lng),
  };
}

/** A box with as much again of what is around it, so that a small step shows nothing that is not there. */
export function around({ south, west, north, east }: Box, share: number): Box {
  const [high, wide] = [(north - south) * share, (east - west) * share];
  return {
    south: Math.max(-90, south - high),
    west: Math.max(-180, west - wide),
    north: Math.min(90, north + high),
    east: Math.min(180, east + wide),
  };
}

export const isIn = ({ lat, lng }: Place, { south, west, north, east }: Box): boolean =>
  lat >= south && lat <= north && lng >= west && lng <= east;

export const contains = (outer: Box, inner: Box): boolean =>
  outer.south <= inner.south && outer.west <= inner.west && outer.north >= inner.north && outer.east >= inner.east;

/** From where all of a box is seen, with some room around. */
export function sightOf(box: Box, { width, height }: Size): Sight {
  const [a, b] = [project({ lat: box.north, lng: box.west }), project({ lat: box.south, lng: box.east })];
  const room = 0.8;
  const zoom = Math.min(
    Math.log2((width * room) / TILE / Math.max(1e-9, b.x - a.x)),
    Math.log2((height * room) / TILE / Math.max(1e-9, b.y - a.y)),
    13,
  );
  return within({ ...unproject({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }), zoom }, { width, height });
}

const round = (value: number, decimals: number): number => Number(value.toFixed(decimals));

/** As the address holds it. */
export const encodeSight = ({ lat, lng, zoom }: Sight): string => `${round(lat, 5)},${round(lng, 5)},${round(zoom, 2)}`;

export function decodeSight(text: string | undefined): Sight | null {
  const [lat, lng, zoom, ...rest] = (text ?? '').split(',').map(Number);
  if (lat === undefined || lng === undefined || zoom === undefined || rest.length > 0) return null;
  if (![lat, lng, zoom].every(Number.isFinite) || text === '') return null;
  return { lat: clamp(lat, -90, 90), lng: clamp(lng, -180, 180), zoom: clamp(zoom, 0, NEAREST) };
}

/** A box as a filter keeps it: south, west, north, east. Wide enough that its edges lie in it. */
export function encodeBox({ south, west, north, east }: Box): string {
  const down = (value: number) => Math.floor(value * 1e4) / 1e4;
  const up = (value: number) => Math.ceil(value * 1e4) / 1e4;
  return [down(south), down(west), up(north), up(east)].join(', ');
}
