import { useEffect, useState } from 'react';

/** From where pictures of the ground come, and whose they are. */
export interface Tiles {
  url: string;
  attribution: string;
}

let asked: Promise<Tiles | null> | undefined;

/** Undefined until it is known; null where the server names none. */
export function useTiles(): Tiles | null | undefined {
  const [tiles, setTiles] = useState<Tiles | null | undefined>(undefined);
  useEffect(() => {
    asked ??= fetch('/map')
      .then((answer) => (answer.ok ? (answer.json() as Promise<Tiles | null>) : null))
      .catch(() => null);
    void asked.then(setTiles);
  }, []);
  return tiles;
}
