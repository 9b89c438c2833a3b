type Schema = { readonly [keyword: string]: unknown };

/**
 * The schema as Anthropic binds an answer to it: every object closed, and of the keywords only those that a grammar can
 * hold; what the others say goes into the description, for the model to read. An answer within it is within the schema
 * that was given, but for those keywords. Undefined where closing would take away what was asked for: objects of free
 * names, values of any kind, a schema within itself.
 * https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
export function toClosedSchema(root: Schema): Schema | undefined {
  return isRecursive(root) ? undefined : close(root);
}

function close(schema: unknown): Schema | undefined {
  if (!isObject(schema)) return undefined;
  const { $schema: _dialect, $id: _id, $comment: _comment, $defs, definitions, ...own } = schema;
  const closed = closeOwn(own);
  if (closed === undefined) return undefined;
  const parts: Record<string, Schema> = {};
  for (const [section, schemas] of Object.entries({ $defs, definitions })) {
    if (!isObject(schemas)) continue;
    const closedSchemas = closeEach(schemas);
    if (closedSchemas === undefined) return undefined;
    parts[section] = closedSchemas;
  }
  return { ...parts, ...closed };
}

function closeOwn(schema: Schema): Schema | undefined {
  const { $ref, enum: options, const: constant, anyOf, oneOf, allOf, type, ...rest } = schema;
  if ($ref !== undefined) return isLocal($ref) ? { $ref } : undefined;
  if (options !== undefined) return isListOf(options, isPrimitive) ? described({ enum: options }, rest) : undefined;
  if (constant !== undefined) return isPrimitive(constant) ? described({ const: constant }, rest) : undefined;
  // Closed on its own, each part of several would forbid what the other ones ask for.
  const variants = anyOf ?? oneOf ?? (Array.isArray(allOf) && allOf.length === 1 ? allOf : undefined);
  if (allOf !== undefined && variants !== allOf) return undefined;
  if (variants !== undefined) return rest['properties'] === undefined ? closeVariants(variants, type, rest) : undefined;
  if (Array.isArray(type)) {
    const { title, description, ...shared } = rest;
    const ofEach = type.map((name: unknown) => ({ type: name, ...shared }));
    return closeVariants(ofEach, undefined, { title, description });
  }
  switch (type ?? typeMeant(rest)) {
    case 'object':
      return closeObject(rest);
    case 'array':
      return closeArray(rest);
    case 'string':
      return closeString(rest);
    case 'number':
    case 'integer':
    case 'boolean':
    case 'null':
      return described({ type }, rest);
    default:
      return undefined;
  }
}

function closeVariants(variants: unknown, type: unknown, rest: Schema): Schema | undefined {
  if (!Array.isArray(variants)) return undefined;
  const closed = variants.map((variant: unknown) =>
    close(type === undefined || !isObject(variant) ? variant : { type, ...variant }),
  );
  return closed.includes(undefined) ? undefined : described({ anyOf: closed }, rest);
}

function closeObject({ properties = {}, required, additionalProperties, ...rest }: Schema): Schema | undefined {
  if (additionalProperties !== undefined && additionalProperties !== false) return undefined;
  if (!isObject(properties) || rest['patternProperties'] !== undefined) return undefined;
  if (additionalProperties === undefined && Object.keys(properties).length === 0) return undefined;
  const closed = closeEach(properties);
  if (closed === undefined) return undefined;
  const names = required === undefined ? {} : { required };
  return described({ type: 'object', properties: closed, ...names, additionalProperties: false }, rest);
}

function closeArray({ items, minItems, ...rest }: Schema): Schema | undefined {
  const closed = close(items);
  if (closed === undefined || rest['prefixItems'] !== undefined) return undefined;
  if (minItems === 0 || minItems === 1) return described({ type: 'array', items: closed, minItems }, rest);
  return described({ type: 'array', items: closed }, minItems === undefined ? rest : { minItems, ...rest });
}

const FORMATS: ReadonlySet<unknown> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
]);

function closeString({ format, ...rest }: Schema): Schema {
  if (FORMATS.has(format)) return described({ type: 'string', format }, rest);
  return described({ type: 'string' }, format === undefined ? rest : { format, ...rest });
}

function closeEach(schemas: Schema): Schema | undefined {
  const closed = Object.entries(schemas).map(([name, schema]) => [name, close(schema)] as const);
  return closed.some(([, schema]) => schema === undefined) ? undefined : Object.fromEntries(closed);
}

function described(schema: Schema, { title, description, ...untold }: Schema): Schema {
  const hints = Object.values(untold).some((value) => value !== undefined) ? JSON.stringify(untold) : undefined;
  const text = [description, hints].filter((part) => typeof part === 'string' && part !== '').join('\n');
  return {
    ...schema,
    ...(title === undefined ? {} : { title }),
    ...(text === '' ? {} : { description: text }),
  };
}

function typeMeant(schema: Schema): string | undefined {
  if (schema['properties'] !== undefined) return 'object';
  return schema['items'] === undefined ? undefined : 'array';
}

const LOCAL = /^#\/(\$defs|definitions)\/(.+)$/;

function isLocal(reference: unknown): boolean {
  return typeof reference === 'string' && LOCAL.test(reference);
}

/** Whether a definition leads back to itself. References to what is not there are the provider's to refuse. */
function isRecursive(root: Schema): boolean {
  const cleared = new Set<string>();
  const leadsBack = (schema: unknown, within: readonly string[]): boolean =>
    referencesIn(schema).some((reference) => {
      if (reference === '#' || within.includes(reference)) return true;
      const [, section = '', name = ''] = LOCAL.exec(reference) ?? [];
      const definitions = root[section];
      if (cleared.has(reference) || !isObject(definitions) || !Object.hasOwn(definitions, name)) return false;
      if (leadsBack(definitions[name], [...within, reference])) return true;
      cleared.add(reference);
      return false;
    });
  const { $defs: _defs, definitions: _definitions, ...own } = root;
  return leadsBack(own, []);
}

function referencesIn(schema: unknown): string[] {
  const references = new Set<string>();
  JSON.stringify(schema, (key, value: unknown) => {
    if (key === '$ref' && typeof value === 'string') references.add(value);
    return value;
  });
  return [...references];
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isItem);
}

function isPrimitive(value: unknown): boolean {
  return value === null || typeof value !== 'object';
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
