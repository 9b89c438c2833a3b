import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';

/** An OpenAPI document, as far as answers are checked against it. */
export type OpenApiDocument = {
  openapi: string;
  paths: Record<string, Record<string, { responses?: Record<string, Response> } | undefined> | undefined>;
  components: { schemas: Record<string, object> };
};
type Response = { content?: Record<string, unknown> };

/** What is to be looked at: by the place of its schema in the document. */
export type Place = { pointer: string };

export type Judge = {
  /** The schema of an operation's answers with this status and type, where the document has one. */
  placeOf(method: string, path: string, status: number, contentType: string): Place | undefined;
  /** A schema of `components.schemas`; undefined when there is none. */
  placeOfSchema(name: string): Place | undefined;
  judge(place: Place, value: unknown): Verdict;
};

export type Verdict = {
  /** Empty when the value is as the schema says. */
  problems: string[];
  /**
   * Where it is, but for fields that may be left out and are null instead. The document's schemas do not allow that, and
   * its examples do it, as its author does.
   */
  nulls: string[];
};

const DOCUMENT_ID = 'openapi';
const MOST_PROBLEMS = 3;
const MOST_SHOWN = 120;

/** Throws an Error of one line when this is no OpenAPI 3.1 document with schemas. */
export function createJudge(document: unknown): Judge {
  const checked = readDocument(document);
  // Documents have fields and formats of their own, which mean nothing here.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true, verbose: true, inlineRefs: false });
  ajv.addSchema(spellNull(checked) as object, DOCUMENT_ID);

  return {
    placeOf(method, path, status, contentType) {
      const content = checked.paths[path]?.[method.toLowerCase()]?.responses?.[String(status)]?.content;
      if (content?.[contentType] === undefined) return undefined;
      const steps = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', contentType];
      return { pointer: `/${[...steps, 'schema'].map(escape).join('/')}` };
    },
    placeOfSchema(name) {
      return Object.hasOwn(checked.components.schemas, name)
        ? { pointer: `/components/schemas/${escape(name)}` }
        : undefined;
    },
    judge({ pointer }, value) {
      const validate = ajv.getSchema(`${DOCUMENT_ID}#${pointer}`);
      if (validate === undefined) throw new Error(`no schema at ${pointer}`);
      if (validate(value) === true) return { problems: [], nulls: [] };
      const errors = validate.errors ?? [];
      const nulls = new Set(errors.filter(({ data }) => data === null).map(({ instancePath }) => instancePath));
      return validate(leaveOut(value, nulls)) === true
        ? { problems: [], nulls: [...nulls] }
        : { problems: tellProblems(errors, value), nulls: [] };
    },
  };
}

function leaveOut(value: unknown, pointers: ReadonlySet<string>, at = ''): unknown {
  if (Array.isArray(value)) return value.map((item, index) => leaveOut(item, pointers, `${at}/${index}`));
  if (typeof value !== 'object' || value === null) return value;
  const pointerOf = (name: string): string => `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !pointers.has(pointerOf(name)))
      .map(([name, field]) => [name, leaveOut(field, pointers, pointerOf(name))]),
  );
}

function readDocument(document: unknown): OpenApiDocument {
  const { openapi, paths, components } = (document ?? {}) as Partial<OpenApiDocument>;
  if (typeof openapi !== 'string' || !openapi.startsWith('3.1')) throw new Error('this is no OpenAPI 3.1 document');
  if (!paths || !components?.schemas) throw new Error('this document has no paths, or no components.schemas');
  return { openapi, paths, components };
}

/** `nullable` is of OpenAPI 3.0, and unknown to JSON Schema; documents of 3.1 have it all the same. */
function spellNull(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(spellNull);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { nullable, ...rest } = schema as Record<string, unknown>;
  const spelt = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, spellNull(value)]));
  if (nullable === true) return { anyOf: [spelt, { type: 'null' }] };
  // A property may have this name.
  return nullable === undefined || nullable === false ? spelt : { ...spelt, nullable: spellNull(nullable) };
}

/** A step of a JSON pointer in the fragment of a URI. */
function escape(step: string): string {
  return encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'));
}

/** Of a union every branch says what it misses: those come first that got furthest, and none of other kinds of object. */
function tellProblems(problems: readonly ErrorObject[], value: unknown): string[] {
  const telling = problems.filter(({ keyword }) => keyword !== 'anyOf' && keyword !== 'oneOf');
  const ofItsKind = telling.filter((problem) => !isOfOtherKind(problem));
  const told = [ofItsKind, telling, problems].find((some) => some.length > 0) ?? [];
  const texts = told
    .toSorted((left, right) => depthOf(right) - depthOf(left))
    .map(({ instancePath, message = 'not valid', params }) => {
      const allowed = 'allowedValues' in params ? ` ${shorten(params['allowedValues'])}` : '';
      return `${instancePath || '/'} ${message}${allowed}, got ${shorten(valueAt(value, instancePath))}`;
    });
  return [...new Set(texts)].slice(0, MOST_PROBLEMS);
}

function depthOf({ instancePath }: ErrorObject): number {
  return instancePath.split('/').length;
}

/** The problem of a branch that is for objects of another `type`. */
function isOfOtherKind({ keyword, instancePath, parentSchema, data }: ErrorObject): boolean {
  if (keyword === 'enum' && instancePath.endsWith('/type')) return true;
  const { properties } = (parentSchema ?? {}) as { properties?: { type?: { enum?: unknown[] } } };
  const kinds = properties?.type?.enum;
  return keyword === 'required' && kinds !== undefined && !kinds.includes((data as { type?: unknown } | null)?.type);
}

function shorten(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, MOST_SHOWN);
}

function valueAt(value: unknown, pointer: string): unknown {
  let found = value;
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    found = (found as Record<string, unknown> | undefined)?.[name];
  }
  return found;
}
