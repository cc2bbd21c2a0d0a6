import { t } from '../language/t.ts';
import classes from './board.module.css';

export function BoardSkeleton() {
  return (
    <div className={classes.board} aria-busy="true" aria-label={t('Loading')}>
      {[3, 5, 2, 4].map((cards, index) => (
        <div key={index} className={classes.column}>
          <div className={classes.columnHead}>
            <span className={classes.bone} style={{ width: 90 }} />
          </div>
          <div className={classes.list}>
            {Array.from({ length: cards }, (_, card) => (
              <div key={card} className={classes.boneCard} />
            ))}
          </div>
        </div>
      ))}
    </div>
  );
}
