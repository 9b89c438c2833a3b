# docker build -t sluice .    docker run --rm sluice --help

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without the workspace that brings a Node of its own: the image has the right one.
RUN npm ci --workspaces=false
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build

FROM node:24-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --workspaces=false --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY --from=modules /app/node_modules node_modules
COPY bin bin
COPY examples examples
COPY --from=build /app/dist dist
# Where commands read and write files: mount a folder here to use its files; and where the gateway keeps those of clients.
RUN mkdir -p /work /etc/sluice/.sluice/files && chown -R node:node /work /etc/sluice
WORKDIR /work
USER node
ENTRYPOINT ["node", "/app/bin/sluice.js"]
CMD ["--help"]
