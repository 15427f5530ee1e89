using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Caraway.Platform.Http;

/// <summary>
/// How many rows a page of a list has. Section <c>Pages</c> sets it for every list whose contract names no sizes of its own.
/// </summary>
internal sealed class PageSizes : IValidatableObject
{
    /// <summary>The largest page of any contract.</summary>
    private const int Largest = 500;

    /// <summary>For a request without a <c>limit</c>.</summary>
    [Range(1, Largest)]
    public int DefaultSize { get; set; } = 20;

    /// <summary>A larger <c>limit</c> is reduced to it.</summary>
    [Range(1, Largest)]
    public int MaxSize { get; set; } = 100;

    public static void Add(IServiceCollection services)
    {
        services.AddOptions<PageSizes>().BindConfiguration("Pages").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<PageSizes>>().Value);
    }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (DefaultSize > MaxSize)
            yield return new ValidationResult("The field DefaultSize must be at most MAX_PAGE_SIZE.", [nameof(DefaultSize)]);
    }
}
