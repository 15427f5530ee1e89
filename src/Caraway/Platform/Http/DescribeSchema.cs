using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Caraway.Platform.Http;

/// <summary>
/// Completes the schemas of the OpenAPI document: the types that our own JSON converters hide from the framework (texts, times, ids), and
/// the bounds and words that attributes of a member give.
/// </summary>
internal static class DescribeSchema
{
    public static Task Transform(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancel)
    {
        var parameter = context.ParameterDescription is { } description && description.Source != BindingSource.Body ? description : null;
        var attributes = parameter is not null
            ? Attributes(parameter)
            : context.JsonPropertyInfo?.AttributeProvider?.GetCustomAttributes(inherit: true) ?? [];
        // The page breaks a line where a description does.
        schema.Description = schema.Description?.ReplaceLineEndings(" ");
        SetType(schema, context, parameter, attributes);
        foreach (var attribute in attributes)
            Apply(schema, attribute);
        return Task.CompletedTask;
    }

    private static void SetType(
        OpenApiSchema schema, OpenApiSchemaTransformerContext context, ApiParameterDescription? parameter, object[] attributes)
    {
        var type = parameter?.ParameterDescriptor.ParameterType ?? context.JsonTypeInfo.Type;
        var isNullable = context.JsonPropertyInfo?.IsGetNullable == true;
        var isNumber = parameter?.Name is "limit" or "cursor" or "page" or "page_size" && !attributes.OfType<OpaqueAttribute>().Any();
        if (type == typeof(RowId) || isNumber)
            (schema.Type, schema.Format, schema.Properties, schema.Description) = (JsonSchemaType.Integer, "int64", null, null);
        else if (type.IsAssignableTo(typeof(ITextId)))
            (schema.Type, schema.Properties, schema.Description) = (JsonSchemaType.String, null, null);
        else if (type == typeof(long) || type == typeof(long?))
            (schema.Type, schema.Format) = (isNullable ? JsonSchemaType.Integer | JsonSchemaType.Null : JsonSchemaType.Integer, "int64");
        else if (type == typeof(string) || type == typeof(DateTime) || type == typeof(DateTime?))
            schema.Type = isNullable ? JsonSchemaType.String | JsonSchemaType.Null : JsonSchemaType.String;
        else if (type == typeof(IReadOnlyDictionary<string, long>))
            schema.AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64" };
        else if (schema.Type == JsonSchemaType.Array)
            schema.Items ??= new OpenApiSchema { Type = JsonSchemaType.String };
    }

    private static void Apply(OpenApiSchema schema, object attribute)
    {
        switch (attribute)
        {
            case NeededAttribute:
                schema.Type &= ~JsonSchemaType.Null;
                break;
            case ITextBounds bounds:
                (schema.MinLength, schema.MaxLength) = (bounds.Shortest, bounds.Longest);
                if (attribute is EmailAttribute)
                    schema.Format = "email";
                break;
            case AllowedValuesAttribute allowed:
                SetWords(schema, allowed.Values.OfType<string>());
                break;
            case IWords vocabulary when schema.Type?.HasFlag(JsonSchemaType.Array) == true:
                SetWords((OpenApiSchema)schema.Items!, vocabulary.Words);
                break;
            case IWords vocabulary:
                SetWords(schema, vocabulary.Words);
                break;
            default:
                break;
        }
    }

    /// <summary>JSON Schema lets null pass an <c>enum</c> only when it stands in the list.</summary>
    private static void SetWords(OpenApiSchema schema, IEnumerable<string> words)
    {
        schema.Enum = [.. words.Select(word => JsonValue.Create(word)!)];
        if (schema.Type?.HasFlag(JsonSchemaType.Null) == true)
            schema.Enum.Add(JsonNullSentinel.JsonNull);
    }

    private static object[] Attributes(ApiParameterDescription parameter) =>
        parameter.ParameterDescriptor is IParameterInfoParameterDescriptor { ParameterInfo: { } info }
            ? info.GetCustomAttributes(inherit: false)
            : [];
}

/// <summary>An attribute that lists the words of a member, of a parameter, or of a list's items, for the OpenAPI document.</summary>
internal interface IWords
{
    IReadOnlyList<string> Words { get; }
}

/// <summary>Marks a cursor that is text and not an id.</summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
internal sealed class OpaqueAttribute : Attribute;
