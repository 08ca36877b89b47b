import { testManagedDatabase } from "./managed-database.ts";

testManagedDatabase("postgresql");
