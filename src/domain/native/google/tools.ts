import { z } from 'zod';
import { SamplingParameters } from '../../request.ts';
import { defined } from '../defined.ts';
import { toJsonSchema } from './schema.ts';
import { uncarried } from '../uncarried.ts';

const JsonObject = z.record(z.string(), z.json());
const OurTools = SamplingParameters.shape.tools.unwrap();
type OurTool = z.infer<typeof OurTools>[number];

const ONLY_GOOGLE = 'only Google has it; leave it out';
const RUN_BY_GOOGLE = 'run by Google itself; only functionDeclarations can be carried to other models';

const FunctionDeclaration = z.strictObject({
  name: OurTools.element.shape.function.shape.name,
  description: z.string().optional(),
  parameters: JsonObject.optional(),
  parametersJsonSchema: JsonObject.optional(),
  response: uncarried(ONLY_GOOGLE),
  responseJsonSchema: uncarried(ONLY_GOOGLE),
  behavior: uncarried(ONLY_GOOGLE),
});

export const Tools = z.array(
  z.strictObject({
    functionDeclarations: z.array(FunctionDeclaration).max(128).optional(),
    googleSearch: uncarried(RUN_BY_GOOGLE),
    googleSearchRetrieval: uncarried(RUN_BY_GOOGLE),
    googleMaps: uncarried(RUN_BY_GOOGLE),
    codeExecution: uncarried(RUN_BY_GOOGLE),
    computerUse: uncarried(RUN_BY_GOOGLE),
    urlContext: uncarried(RUN_BY_GOOGLE),
    fileSearch: uncarried(RUN_BY_GOOGLE),
  }),
);

export const ToolConfig = z.strictObject({
  functionCallingConfig: z
    .strictObject({
      mode: z.enum(['MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED']).optional(),
      allowedFunctionNames: z.array(z.string()).optional(),
    })
    .refine(
      ({ mode, allowedFunctionNames: names = [] }) => names.length === 0 || (names.length === 1 && mode === 'ANY'),
      { path: ['allowedFunctionNames'], message: 'give one name with mode ANY, or declare only the functions meant' },
    )
    .optional(),
});

const CHOICES = {
  MODE_UNSPECIFIED: undefined,
  AUTO: 'auto',
  ANY: 'required',
  NONE: 'none',
  // AUTO with arguments held to the schema, which we say with each tool.
  VALIDATED: undefined,
} as const;

export function toTools(
  tools: z.infer<typeof Tools>,
  config: z.infer<typeof ToolConfig>,
): Pick<SamplingParameters, 'tools' | 'tool_choice'> {
  const declarations = tools.flatMap((tool) => tool.functionDeclarations ?? []);
  if (declarations.length === 0) return {};
  const { mode = 'MODE_UNSPECIFIED', allowedFunctionNames: [only] = [] } = config.functionCallingConfig ?? {};
  return defined<Pick<SamplingParameters, 'tools' | 'tool_choice'>>({
    tools: declarations.map(({ name, description, parameters, parametersJsonSchema }) => ({
      type: 'function',
      function: defined<OurTool['function']>({
        name,
        description,
        parameters: parametersJsonSchema ?? (parameters && toJsonSchema(parameters)),
        strict: mode === 'VALIDATED' ? true : undefined,
      }),
    })),
    tool_choice: only === undefined ? CHOICES[mode] : { type: 'function', function: { name: only } },
  });
}
