// A dashboard as Grafana's schema has it, with the members that it leaves to data sources.

import type { AnnotationQuery, Dashboard, VariableModel } from '@grafana/schema';

/** A type with the texts of its enums in their place, as JSON has them. */
type Plain<T> = T extends string ? `${T}` : T extends (infer E)[] ? Plain<E>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

type Annotation = AnnotationQuery & { expr?: string; titleFormat?: string; step?: string };
type Variable = Omit<VariableModel, 'current'> & { definition?: string; current: VariableModel['current'] | Record<string, never> };

export type Board = Plain<
  Omit<Dashboard, 'annotations' | 'templating'> & {
    annotations: { list: Annotation[] };
    templating: { list: Variable[] };
  }
>;
