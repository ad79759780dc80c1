-- Every store on this database keeps counts of the catalogue until it is changed, by whomever: another store, an import,
-- a person with psql. in_stock is not among the columns: it changes with orders, and nothing that depends on it is kept.
CREATE FUNCTION announce_catalog_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY catalog_changed;
    RETURN NULL;
END
$$;
CREATE TRIGGER product_announced
    AFTER INSERT OR DELETE OR TRUNCATE
       OR UPDATE OF sku, name, description, category_id, price, currency, image_url, archived_at ON product
    FOR EACH STATEMENT EXECUTE FUNCTION announce_catalog_change();
CREATE TRIGGER category_announced
    AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE ON category
    FOR EACH STATEMENT EXECUTE FUNCTION announce_catalog_change();
