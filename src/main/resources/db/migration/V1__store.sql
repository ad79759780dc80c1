-- The whole schema. Each table is written by one module only (named in its comment); reads may join.
-- PostgreSQL 15 or newer: nothing here may need more.

-- Typing errors in search: pg_trgm finds the candidates, levenshtein() of fuzzystrmatch decides.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch;

-- identity ------------------------------------------------------------------------------------------

CREATE TABLE app_user (
    id            uuid PRIMARY KEY,
    email         text        NOT NULL UNIQUE CHECK (email = lower(email)),
    name          text        NOT NULL,
    role          text        NOT NULL CHECK (role IN ('customer', 'manager', 'admin')),
    active        boolean     NOT NULL DEFAULT true,
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL
);
COMMENT ON TABLE app_user IS 'identity';
CREATE INDEX app_user_newest ON app_user (created_at, id);

CREATE TABLE refresh_family (
    id         uuid PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES app_user,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE refresh_family IS 'identity: one sign-in; all refresh tokens that follow from it';
CREATE INDEX refresh_family_user ON refresh_family (user_id);

CREATE TABLE refresh_token (
    token_hash bytea PRIMARY KEY,
    family_id  uuid        NOT NULL REFERENCES refresh_family ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
COMMENT ON TABLE refresh_token IS 'identity: SHA-256 of each refresh token, never the token';
CREATE INDEX refresh_token_family ON refresh_token (family_id);
CREATE INDEX refresh_token_expiry ON refresh_token (expires_at);

CREATE TABLE signing_key (
    kid         text PRIMARY KEY,
    private_key bytea       NOT NULL,
    public_key  bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    retired_at  timestamptz
);
COMMENT ON TABLE signing_key IS 'identity: RSA keys of the access tokens (PKCS#8, X.509), shared by all stores on this database';

-- platform ------------------------------------------------------------------------------------------

CREATE TABLE idempotency_key (
    user_id      uuid        NOT NULL,
    key          text        NOT NULL,
    request_hash text        NOT NULL,
    status       smallint    NOT NULL,
    location     text,
    body         bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
COMMENT ON TABLE idempotency_key IS 'platform: the first answer to each key, written in the transaction of what it made; kept 24 h';
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

-- catalog -------------------------------------------------------------------------------------------

CREATE TABLE category (
    id         uuid PRIMARY KEY,
    name       text COLLATE "ru-x-icu" NOT NULL,
    slug       text        NOT NULL UNIQUE,
    parent_id  uuid REFERENCES category CHECK (parent_id <> id),
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE category IS 'catalog';
CREATE UNIQUE INDEX category_name ON category (lower(name));
CREATE INDEX category_parent ON category (parent_id);

CREATE TABLE product (
    id          uuid PRIMARY KEY,
    sku         text        NOT NULL,
    name        text COLLATE "ru-x-icu" NOT NULL,
    description text,
    category_id uuid REFERENCES category,
    price       numeric(18, 4) NOT NULL CHECK (price >= 0),
    currency    char(3)     NOT NULL,
    image_url   text,
    -- Follows stock.quantity > 0 by the trigger below, so that lists filter without reading stock.
    in_stock    boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    archived_at timestamptz,
    -- 'russian' stems Cyrillic words as Russian and ASCII words as English. ё is written as е by most people.
    search      tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('russian', translate(name, 'ёЁ', 'еЕ')), 'A')
        || setweight(to_tsvector('simple', sku), 'A')
        || setweight(to_tsvector('russian', translate(coalesce(description, ''), 'ёЁ', 'еЕ')), 'B')) STORED,
    CHECK (category_id IS NOT NULL OR archived_at IS NOT NULL)
);
COMMENT ON TABLE product IS 'catalog; what can be counted is in stock';
-- A sku is free again once its product is archived.
CREATE UNIQUE INDEX product_sku ON product (sku) WHERE archived_at IS NULL;
CREATE INDEX product_category_archived ON product (category_id) WHERE archived_at IS NOT NULL;
-- One index for each order of a list, with and without a category. What a list filters by is included, so that a
-- page far down is found in the index alone.
CREATE INDEX product_newest ON product (created_at, id) INCLUDE (price, in_stock) WHERE archived_at IS NULL;
CREATE INDEX product_price ON product (price, id) INCLUDE (in_stock) WHERE archived_at IS NULL;
CREATE INDEX product_name ON product (name, id) INCLUDE (price, in_stock) WHERE archived_at IS NULL;
CREATE INDEX product_category_newest ON product (category_id, created_at, id) INCLUDE (price, in_stock) WHERE archived_at IS NULL;
CREATE INDEX product_category_price ON product (category_id, price, id) INCLUDE (in_stock) WHERE archived_at IS NULL;
CREATE INDEX product_category_name ON product (category_id, name, id) INCLUDE (price, in_stock) WHERE archived_at IS NULL;
CREATE INDEX product_search ON product USING gin (search) WHERE archived_at IS NULL;

CREATE TABLE search_word (
    word   text,
    lexeme text,
    PRIMARY KEY (word, lexeme)
);
COMMENT ON TABLE search_word IS 'catalog: words (and stems) that product texts have or had, for correcting typing errors';
CREATE INDEX search_word_lexeme ON search_word (lexeme);
CREATE INDEX search_word_trigrams ON search_word USING gin (word gin_trgm_ops);

-- Adds the words of a text of five letters or more, sorted so that two writers never wait for each other in a ring.
CREATE PROCEDURE learn_search_words(texts text[]) LANGUAGE sql AS $$
    INSERT INTO search_word (word, lexeme)
    SELECT DISTINCT spelling, lexeme
    FROM (SELECT DISTINCT w.lexeme AS word
          FROM unnest(texts) AS t (text),
               unnest(to_tsvector('simple', translate(t.text, 'ёЁ', 'еЕ'))) AS w
          WHERE length(w.lexeme) BETWEEN 5 AND 60) AS words,
         unnest(tsvector_to_array(to_tsvector('russian', word))) AS lexeme,
         unnest(ARRAY[word, lexeme]) AS spelling
    ORDER BY spelling, lexeme
    ON CONFLICT DO NOTHING
$$;

-- A category, named by its id, slug or name, with everything below it.
CREATE FUNCTION category_tree(reference text) RETURNS SETOF uuid LANGUAGE sql STABLE ROWS 10 AS $$
    WITH RECURSIVE tree (id) AS (
        (SELECT id FROM category
         WHERE id::text = reference OR slug = reference OR lower(name) = lower(reference)
         ORDER BY id::text = reference DESC, slug = reference DESC
         LIMIT 1)
        UNION
        SELECT c.id FROM category c JOIN tree ON c.parent_id = tree.id
    )
    SELECT id FROM tree
$$;

-- What a person typed as a query: every word must be there, in any of its forms; a word of six letters or more that
-- no text has stands for those one letter away from it too.
CREATE FUNCTION search_query(q text) RETURNS tsquery LANGUAGE plpgsql STABLE
    -- The plan of the EXISTS below is made without knowing the word; a scan of all products must not be an option.
    SET enable_seqscan = off
    -- A query of stop words alone is no one's concern but the reader's.
    SET client_min_messages = warning AS $$
DECLARE
    typed   text;
    known   boolean;
    term    tsquery;
    nearby  tsquery;
    result  tsquery;
BEGIN
    FOR typed IN SELECT DISTINCT lexeme FROM unnest(to_tsvector('simple', translate(q, 'ёЁ', 'еЕ'))) LOOP
        term := plainto_tsquery('russian', typed) || plainto_tsquery('simple', typed);
        CONTINUE WHEN numnode(plainto_tsquery('russian', typed)) = 0;
        IF length(typed) BETWEEN 6 AND 60 THEN
            known := EXISTS (SELECT FROM product WHERE search @@ term AND archived_at IS NULL);
            -- A typing error can have the stem of another word: сметанна stems as сметаной does, and сметана differently.
            IF NOT known OR NOT EXISTS (SELECT FROM search_word WHERE word = typed) THEN
                SELECT string_agg(DISTINCT quote_literal(w.lexeme), ' | ')::tsquery INTO nearby
                FROM unnest(CASE WHEN known THEN ARRAY[typed]
                                 ELSE array_append(tsvector_to_array(to_tsvector('russian', typed)), typed) END) AS spelling
                JOIN search_word w ON w.word % spelling AND levenshtein_less_equal(w.word, spelling, 1) <= 1;
                term := CASE WHEN known THEN coalesce(term || nearby, term) ELSE coalesce(nearby, term) END;
            END IF;
        END IF;
        result := coalesce(result && term, term);
    END LOOP;
    RETURN result;
END
$$;

-- inventory -----------------------------------------------------------------------------------------

-- Apart from product, so that an order rewrites a narrow row in its page (HOT) and not a wide one with nine indexes.
CREATE TABLE stock (
    product_id uuid PRIMARY KEY REFERENCES product,
    quantity   bigint      NOT NULL CHECK (quantity >= 0),
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE stock IS 'inventory: what can be sold now. Rows are locked in order of product_id';

CREATE FUNCTION follow_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE product SET in_stock = NEW.quantity > 0 WHERE id = NEW.product_id AND in_stock <> (NEW.quantity > 0);
    RETURN NULL;
END
$$;
CREATE TRIGGER stock_inserted AFTER INSERT ON stock
    FOR EACH ROW WHEN (NEW.quantity > 0) EXECUTE FUNCTION follow_stock();
CREATE TRIGGER stock_crossed_zero AFTER UPDATE ON stock
    FOR EACH ROW WHEN ((OLD.quantity > 0) <> (NEW.quantity > 0)) EXECUTE FUNCTION follow_stock();

-- orders --------------------------------------------------------------------------------------------

CREATE TABLE orders (
    id               uuid PRIMARY KEY,
    number           bigint GENERATED BY DEFAULT AS IDENTITY (START WITH 100001) UNIQUE,
    customer_id      uuid        NOT NULL REFERENCES app_user,
    status           text        NOT NULL CHECK (status IN ('pending', 'confirmed', 'shipped', 'delivered', 'cancelled', 'returned')),
    total            numeric(24, 4) NOT NULL CHECK (total >= 0),
    currency         char(3)     NOT NULL,
    comment          text,
    shipping_address text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);
COMMENT ON TABLE orders IS 'orders';
CREATE INDEX orders_newest ON orders (created_at, id);
CREATE INDEX orders_total ON orders (total, id);
CREATE INDEX orders_status_newest ON orders (status, created_at, id);
CREATE INDEX orders_status_total ON orders (status, total, id);
CREATE INDEX orders_customer_newest ON orders (customer_id, created_at, id);
CREATE INDEX orders_customer_total ON orders (customer_id, total, id);

CREATE TABLE order_line (
    order_id   uuid           NOT NULL REFERENCES orders,
    position   smallint       NOT NULL,
    product_id uuid           NOT NULL REFERENCES product,
    -- sku, name and price as they were when the order was placed.
    sku        text           NOT NULL,
    name       text           NOT NULL,
    quantity   integer        NOT NULL CHECK (quantity > 0),
    unit_price numeric(18, 4) NOT NULL CHECK (unit_price >= 0),
    PRIMARY KEY (order_id, position),
    UNIQUE (order_id, product_id)
);
COMMENT ON TABLE order_line IS 'orders';

CREATE TABLE order_event (
    order_id uuid        NOT NULL REFERENCES orders,
    position smallint    NOT NULL,
    status   text        NOT NULL,
    at       timestamptz NOT NULL,
    by_user  uuid        NOT NULL REFERENCES app_user,
    comment  text,
    trace_id text        NOT NULL,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE order_event IS 'orders: the history of each order, first row its placing';

-- inventory, the ledger -----------------------------------------------------------------------------

CREATE TABLE stock_entry (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id uuid        NOT NULL REFERENCES product,
    delta      bigint      NOT NULL CHECK (delta <> 0),
    reason     text        NOT NULL,
    -- Deferred: stock is taken before the order that takes it is written.
    order_id   uuid REFERENCES orders DEFERRABLE INITIALLY DEFERRED,
    by_user    uuid REFERENCES app_user,
    trace_id   text,
    at         timestamptz NOT NULL
);
COMMENT ON TABLE stock_entry IS 'inventory: every change of stock, why, and by which order; by_user is null for commands run on the server';
CREATE INDEX stock_entry_product ON stock_entry (product_id, id);
-- An order takes each product once and gives it back at most once, whatever the program does.
CREATE UNIQUE INDEX stock_entry_once_per_order ON stock_entry (order_id, product_id, (delta > 0)) WHERE order_id IS NOT NULL;
