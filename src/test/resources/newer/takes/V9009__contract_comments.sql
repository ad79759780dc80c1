-- contract: a test's
ALTER TABLE orders DROP COLUMN comment;
