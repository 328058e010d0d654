package io.llada.gateway.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.gateway.json.InvalidJsonException;
import io.llada.gateway.json.PythonJson;
import io.llada.gateway.json.StrictJson;

/**
 * A function the model may call.
 *
 * @param json the whole tool object, {@code {"type": "function", "function": {...}}}, in the form that models see
 */
public record Tool(String json) {

  /**
   * @param tool an OpenAI tool object; its keys keep their order
   * @throws IllegalArgumentException when it is not a function with a name
   */
  public static Tool of(JsonNode tool) {
    if (!tool.path("type").asText().equals("function")) {
      throw new IllegalArgumentException("the tool type is " + tool.path("type") + ": must be \"function\"");
    }
    JsonNode name = tool.path("function").path("name");
    if (!name.isTextual() || !name.textValue().matches("[A-Za-z0-9_.-]{1,128}")) {
      throw new IllegalArgumentException(
          "the function name is " + name + ": must be 1 .. 128 letters, digits, '_', '.' or '-'");
    }
    JsonNode parameters = tool.path("function").path("parameters");
    if (!parameters.isMissingNode() && !parameters.isNull() && !parameters.isObject()) {
      throw new IllegalArgumentException("the parameters of function " + name + " must be a JSON schema object");
    }
    return new Tool(PythonJson.write(tool));
  }

  /**
   * @param parametersJson JSON schema of the arguments; empty: no parameters
   * @throws IllegalArgumentException when the name or the schema is not usable
   */
  public static Tool of(String name, String description, String parametersJson) {
    ObjectNode tool = JsonNodeFactory.instance.objectNode().put("type", "function");
    ObjectNode function = tool.putObject("function").put("name", name);
    if (!description.isEmpty()) {
      function.put("description", description);
    }
    if (!parametersJson.isEmpty()) {
      try {
        function.set("parameters", StrictJson.parse(parametersJson));
      } catch (InvalidJsonException e) {
        throw new IllegalArgumentException("the parameters of function '" + name + "' are " + e.getMessage(), e);
      }
    }
    return of(tool);
  }
}
