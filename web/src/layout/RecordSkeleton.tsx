import record from '../records/RecordView.module.css';
import classes from './layout.module.css';

/** In the shape of the page, while the record is read. */
export function RecordSkeleton({ fields, isNarrow }: { fields: number; isNarrow: boolean }) {
  const rows = (
    <>
      {Array.from({ length: Math.min(fields, 14) }, (_, index) => (
        <div key={index} className={record.boneRow}>
          <span className={record.bone} style={{ width: 90 }} />
          <span className={record.bone} style={{ width: 140 }} />
        </div>
      ))}
    </>
  );
  return (
    <>
      <div className={classes.head}>
        <div className={classes.titleRow}>
          <span className={record.bone} style={{ width: 40, height: 40 }} />
          <span className={record.bone} style={{ width: 180, height: 18 }} />
        </div>
      </div>
      {isNarrow ? (
        <div className={classes.details}>{rows}</div>
      ) : (
        <div className={classes.columns}>
          <div className={record.side}>{rows}</div>
          <div className={record.content} />
        </div>
      )}
    </>
  );
}
