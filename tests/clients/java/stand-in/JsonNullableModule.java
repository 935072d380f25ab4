package org.openapitools.jackson.nullable;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.BeanProperty;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.SerializationConfig;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.ContextualDeserializer;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.BeanPropertyWriter;
import com.fasterxml.jackson.databind.ser.BeanSerializerModifier;
import java.io.IOException;
import java.util.List;

/** Writes no property that is absent, and null for one that is null. */
public class JsonNullableModule extends SimpleModule {
    public JsonNullableModule() {
        addSerializer(JsonNullable.class, new Writer());
        addDeserializer(JsonNullable.class, new Reader(null));
        setSerializerModifier(new OmitAbsent());
    }

    private static final class OmitAbsent extends BeanSerializerModifier {
        @Override
        public List<BeanPropertyWriter> changeProperties(
                SerializationConfig config, BeanDescription bean, List<BeanPropertyWriter> all) {
            all.replaceAll(
                    each -> each.getType().hasRawClass(JsonNullable.class) ? new Property(each) : each);
            return all;
        }
    }

    private static final class Property extends BeanPropertyWriter {
        private Property(BeanPropertyWriter base) {
            super(base);
        }

        @Override
        public void serializeAsField(Object bean, JsonGenerator json, SerializerProvider provider)
                throws Exception {
            if (((JsonNullable<?>) get(bean)).isPresent()) {
                super.serializeAsField(bean, json, provider);
            }
        }
    }

    private static final class Writer extends JsonSerializer<JsonNullable> {
        @Override
        public void serialize(JsonNullable value, JsonGenerator json, SerializerProvider provider)
                throws IOException {
            provider.defaultSerializeValue(value.get(), json);
        }
    }

    private static final class Reader extends JsonDeserializer<JsonNullable>
            implements ContextualDeserializer {
        private final JavaType type;

        private Reader(JavaType type) {
            this.type = type;
        }

        @Override
        public JsonDeserializer<?> createContextual(
                DeserializationContext context, BeanProperty property) {
            return new Reader(context.getContextualType().containedType(0));
        }

        @Override
        public JsonNullable<?> deserialize(JsonParser json, DeserializationContext context)
                throws IOException {
            return JsonNullable.of(context.readValue(json, type));
        }

        @Override
        public JsonNullable<?> getNullValue(DeserializationContext context) {
            return JsonNullable.of(null);
        }
    }
}
