using Caraway.Platform.Http;
using Caraway.Platform.Security;

namespace Caraway.Platform.Search;

/// <summary>The route of the search over all desks. Modules register what it searches: <see cref="ISearchSource"/>.</summary>
internal static class SearchEndpoints
{
    /// <param name="permission">A permission that lets a caller search; what the caller finds is decided by each source.</param>
    /// <param name="or">Another such permission.</param>
    public static void MapSearch(this IEndpointRouteBuilder app, string permission, string or) =>
        app.MapGet("/api/v1/search", SearchEverything.Handle)
            .Needs(permission, or)
            .Refuses(401, 403, 422)
            .WithTags("Search")
            .WithSummary("Search cases, support cases, persons and appointments");

    public static IServiceCollection AddSearchSource<TSource>(this IServiceCollection services)
        where TSource : class, ISearchSource =>
        services.AddSingleton<ISearchSource, TSource>();
}
