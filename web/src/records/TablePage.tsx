import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { NoObject } from './NoObject.tsx';
import { decodeFilter, encodeFilter, type Filter } from '../model/filters.ts';
import { objectByPlural } from '../model/lookup.ts';
import { decodeSort, encodeSort, type Sort } from '../model/sorting.ts';
import { useModel } from '../model/store.ts';
import { ObjectTable } from './ObjectTable.tsx';

/** The address holds what is shown, so that it can be sent to someone, kept, and gone back to. */
export function TablePage() {
  const model = useModel();
  const { namePlural = '' } = useParams({ strict: false });
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const object = objectByPlural(model, namePlural);
  const sort = useMemo(() => decodeSort(search.sort), [search.sort]);
  const filterKey = JSON.stringify(search.filters ?? []);
  const filters = useMemo(
    () => (JSON.parse(filterKey) as string[]).flatMap((text) => decodeFilter(text) ?? []),
    [filterKey],
  );

  const show = useCallback(
    (next: { sort: Sort | null; filters: Filter[] }) => {
      const encoded = encodeSort(next.sort);
      void navigate({
        to: '/objects/$namePlural',
        params: { namePlural },
        search: {
          ...(encoded ? { sort: encoded } : {}),
          ...(next.filters.length > 0 ? { filters: next.filters.map(encodeFilter) } : {}),
        },
        replace: true,
      });
    },
    [navigate, namePlural],
  );

  if (!object?.isActive) return <NoObject name={namePlural} />;
  return <ObjectTable key={object.id} model={model} object={object} sort={sort} filters={filters} show={show} />;
}
