package org.openapitools.jackson.nullable;

/**
 * A property that is absent, is null, or has a value. This stands in for jackson-databind-nullable,
 * which generated clients depend on and which no registry of the tests has: what clients use of it.
 */
public record JsonNullable<T>(T value, boolean isPresent) {
    public static <T> JsonNullable<T> undefined() {
        return new JsonNullable<>(null, false);
    }

    public static <T> JsonNullable<T> of(T value) {
        return new JsonNullable<>(value, true);
    }

    public T get() {
        return value;
    }

    public T orElse(T other) {
        return isPresent ? value : other;
    }
}
