import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { clustersOf } from './cluster.ts';
import {
  boxOf,
  contains,
  decodeSight,
  encodeBox,
  encodeSight,
  isIn,
  panned,
  pixelOf,
  placeAt,
  sightOf,
  zoomed,
} from './mercator.ts';

const size = { width: 900, height: 600 };
const places = fc.record({
  lat: fc.double({ min: -80, max: 80, noNaN: true }),
  lng: fc.double({ min: -170, max: 170, noNaN: true }),
});
const sights = fc.record({
  lat: fc.double({ min: -70, max: 70, noNaN: true }),
  lng: fc.double({ min: -170, max: 170, noNaN: true }),
  zoom: fc.double({ min: 2, max: 17, noNaN: true }),
});

test('a place is at a pixel, and at the pixel is the place', () => {
  fc.assert(
    fc.property(places, sights, (place, sight) => {
      const back = placeAt(pixelOf(place, sight, size), sight, size);
      expect(back.lat).toBeCloseTo(place.lat, 5);
      expect(back.lng).toBeCloseTo(place.lng, 5);
    }),
  );
  expect(pixelOf({ lat: 52.52, lng: 13.405 }, { lat: 52.52, lng: 13.405, zoom: 9 }, size)).toEqual({ x: 450, y: 300 });
});

test('what is under the pointer stays there while one zooms', () => {
  fc.assert(
    fc.property(sights, fc.nat(900), fc.nat(600), fc.double({ min: -1, max: 1, noNaN: true }), (sight, x, y, by) => {
      const before = placeAt({ x, y }, sight, size);
      fc.pre(Math.abs(before.lat) < 80 && Math.abs(before.lng) < 175);
      const next = zoomed(sight, by, { x, y }, size);
      // At its edge the map ends.
      fc.pre(Math.abs(next.lat) < 85);
      const after = placeAt({ x, y }, next, size);
      expect(after.lat).toBeCloseTo(before.lat, 4);
      expect(after.lng).toBeCloseTo(before.lng, 4);
    }),
  );
});

test('a map that is drawn to the left shows what is to the right', () => {
  const sight = { lat: 48, lng: 11, zoom: 6 };
  expect(panned(sight, { x: 100, y: 0 }).lng).toBeGreaterThan(11);
  expect(panned(sight, { x: 0, y: 100 }).lat).toBeLessThan(48);
});

test('all of a box is seen from where it is looked at, and what is written of a box holds it', () => {
  const box = { south: 47.3, west: 5.9, north: 55.1, east: 15.04 };
  const sight = sightOf(box, size);
  expect(contains(boxOf(sight, size), box)).toBe(true);
  expect(encodeBox({ south: 47.30001, west: -5.90001, north: 55.10001, east: 15 })).toBe('47.3, -5.9001, 55.1001, 15');
  // One place alone is looked at from not too near.
  expect(sightOf({ south: 48, west: 11, north: 48, east: 11 }, size).zoom).toBe(13);
});

test('where one looks stands in the address, and nonsense is nothing', () => {
  const sight = { lat: 48.13743, lng: 11.57549, zoom: 11.25 };
  expect(decodeSight(encodeSight(sight))).toEqual(sight);
  for (const text of [undefined, '', '1,2', '1,2,3,4', 'a,b,c']) expect(decodeSight(text)).toBeNull();
  expect(decodeSight('99,999,99')).toEqual({ lat: 90, lng: 180, zoom: 18 });
});

test('points that lie together are one, each is in one only, and from near they are apart', () => {
  fc.assert(
    fc.property(fc.array(places, { maxLength: 200 }), fc.nat(12), (all, zoom) => {
      const points = all.map((place, index) => ({ id: String(index), ...place }));
      const clusters = clustersOf(points, zoom);
      expect(clusters.flatMap(({ ids }) => ids).sort()).toEqual(points.map(({ id }) => id).sort());
      for (const { ids, lat, lng } of clusters) {
        const those = points.filter(({ id }) => ids.includes(id));
        const edges = {
          south: Math.min(...those.map((each) => each.lat)) - 1e-6,
          north: Math.max(...those.map((each) => each.lat)) + 1e-6,
          west: Math.min(...those.map((each) => each.lng)) - 1e-6,
          east: Math.max(...those.map((each) => each.lng)) + 1e-6,
        };
        expect(isIn({ lat, lng }, edges)).toBe(true);
      }
    }),
  );
  const two = [
    { id: 'a', lat: 48.1, lng: 11.5 },
    { id: 'b', lat: 48.11, lng: 11.51 },
  ];
  expect(clustersOf(two, 4)).toHaveLength(1);
  expect(clustersOf(two, 16)).toHaveLength(2);
});
