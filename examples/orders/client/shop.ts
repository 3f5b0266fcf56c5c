// A client of the shop: paths, parameters, bodies and answers have the types that /openapi.json gives them.

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

export type NewOrder = components["schemas"]["NewOrder"];
export type Order = components["schemas"]["Order"];
export type Page = components["schemas"]["Page"];
export type Attachment = components["schemas"]["Attachment"];
export type Problem = components["schemas"]["Problem"];

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
  }
}

export class Shop {
  private readonly client;

  constructor(baseUrl: string, key: string) {
    this.client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${key}` } });
  }

  async orders(page = 1, status?: Order["status"]): Promise<Page> {
    return answered(await this.client.GET("/orders", { params: { query: { page, size: 50, status } } }));
  }

  async create(order: NewOrder): Promise<Order> {
    return answered(await this.client.POST("/orders", { body: order }));
  }

  async read(id: number): Promise<Order> {
    return answered(await this.client.GET("/orders/{id}", { params: { path: { id } } }));
  }

  async cancel(id: number): Promise<Order> {
    return answered(await this.client.POST("/orders/{id}/cancel", { params: { path: { id } } }));
  }

  async attach(id: number, file: File): Promise<Attachment> {
    const form = new FormData();
    form.set("file", file);
    return answered(
      await this.client.POST("/orders/{id}/attachments", {
        params: { path: { id } },
        body: { file: file.name }, // what the types ask for; what is sent is the form
        bodySerializer: () => form,
      }),
    );
  }

  async total(): Promise<number> {
    const summary = answered(await this.client.GET("/summary"));
    return summary.new + summary.paid + summary.shipped + summary.cancelled;
  }
}

function answered<T>({ data, error }: { data?: T; error?: Problem }): T {
  if (error !== undefined) throw new Refused(error);
  return data as T;
}

// What the types refuse; each of these lines has to be an error.

// @ts-expect-error: an order has a customer
const nobody: NewOrder = { email: "ada@example.com", lines: [{ sku: "MUG-0201", quantity: 1 }], note: "" };
// @ts-expect-error: an order has no such status
const lost: Order["status"] = "lost";
// @ts-expect-error: there is no such path
const nowhere: keyof paths = "/nowhere";

void [nobody, lost, nowhere];
