package productstore.catalog;

/** Published in each transaction of this store that changes products or categories. */
record CatalogChanged() {}
