// What every client does, in Go. A step prints its name when it has passed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"

	api "taskward"
)

func connect(token string) (*api.TasksAPIService, context.Context) {
	configuration := api.NewConfiguration()
	configuration.Servers[0].URL = os.Getenv("BASE_URL")
	ctx := context.WithValue(context.Background(), api.ContextAccessToken, token)
	return api.NewAPIClient(configuration).TasksAPI, ctx
}

func check(holds bool, why ...any) {
	if !holds {
		panic(fmt.Sprint(why...))
	}
}

// problemOf returns the typed problem of a response.
func problemOf(err error, status int64, code api.ProblemCode) api.Problem {
	var failed *api.GenericOpenAPIError
	check(errors.As(err, &failed), "there is no ", status, ": ", err)
	problem, isProblem := failed.Model().(api.Problem)
	check(isProblem, "the error has no model: ", failed)
	check(int64(problem.Status) == status && problem.Code == code, problem.Status, problem.Code)
	return problem
}

func need[T any](value T, _ any, err error) T {
	check(err == nil, err)
	return value
}

func main() {
	tasks, ctx := connect(os.Getenv("TOKEN"))

	input := api.NewTaskInput("one")
	input.SetDescription("text")
	task := need(tasks.CreateTask(ctx).TaskInput(*input).Execute())
	check(task.Title == "one" && task.GetDescription() == "text" && !task.Completed, task)
	fmt.Println("create")

	read := need(tasks.GetTask(ctx, task.Id).Execute())
	check(reflect.DeepEqual(read.Title, task.Title) && read.Revision == task.Revision, read)
	fmt.Println("read")

	patch := api.NewTaskPatch()
	patch.SetTitle("two")
	version := fmt.Sprintf("%q", fmt.Sprint(task.Revision))
	renamed := need(tasks.UpdateTask(ctx, task.Id).TaskPatch(*patch).IfMatch(version).Execute())
	check(renamed.Title == "two" && renamed.GetDescription() == "text", renamed)
	fmt.Println("patch without")

	patch = api.NewTaskPatch()
	patch.SetDescriptionNil()
	cleared := need(tasks.UpdateTask(ctx, task.Id).TaskPatch(*patch).Execute())
	check(cleared.Title == "two" && !cleared.Description.IsSet() || cleared.Description.Get() == nil, cleared)
	fmt.Println("patch to null")

	patch = api.NewTaskPatch()
	patch.SetTitle("late")
	_, _, err := tasks.UpdateTask(ctx, task.Id).TaskPatch(*patch).IfMatch(version).Execute()
	problemOf(err, 412, api.PRECONDITION_FAILED)
	fmt.Println("412")

	_, _, err = tasks.CreateTask(ctx).TaskInput(*api.NewTaskInput(" ")).Execute()
	faults := problemOf(err, 422, api.INVALID_REQUEST).Errors
	check(faults[0].GetPointer() == "/title", faults)
	check(faults[0].Detail == "is blank", faults)
	fmt.Println("422")

	strangers, unknown := connect("none")
	_, _, err = strangers.GetTask(unknown, task.Id).Execute()
	problemOf(err, 401, api.INVALID_TOKEN)
	fmt.Println("401")

	_, _, err = tasks.GetTask(ctx, "00000000-0000-4000-8000-000000000000").Execute()
	problemOf(err, 404, api.TASK_NOT_FOUND)
	fmt.Println("404")

	other := need(tasks.CreateTask(ctx).TaskInput(*api.NewTaskInput("other")).Execute())
	patch = api.NewTaskPatch()
	patch.SetDescription("new")
	update := api.NewUpdateOperation("update", task.Id, *patch)
	update.SetRevision(cleared.Revision)
	batch := api.NewTaskBatch([]api.BatchOperation{
		api.CreateOperationAsBatchOperation(api.NewCreateOperation("create", *api.NewTaskInput("three"))),
		api.UpdateOperationAsBatchOperation(update),
		api.DeleteOperationAsBatchOperation(api.NewDeleteOperation("delete", other.Id)),
	})
	results := need(tasks.BatchTasks(ctx).TaskBatch(*batch).Execute()).Results
	created, updated, deleted := results[0].Task.Get(), results[1].Task.Get(), results[2].Task.Get()
	check(created.Title == "three" && updated.GetDescription() == "new" && deleted == nil, results)
	fmt.Println("batch")

	check(need(tasks.CompleteTask(ctx, task.Id).Execute()).Completed)
	fmt.Println("complete")

	gone := need(tasks.CreateTask(ctx).TaskInput(*api.NewTaskInput("gone")).Execute())
	_, err = tasks.DeleteTask(ctx, gone.Id).Execute()
	check(err == nil, err)
	_, _, err = tasks.GetTask(ctx, gone.Id).Execute()
	problemOf(err, 404, api.TASK_NOT_FOUND)
	fmt.Println("delete")

	need(tasks.CreateTask(ctx).TaskInput(*api.NewTaskInput("four")).Execute())
	titles, request := []string{}, tasks.ListTasks(ctx).Limit(2)
	for {
		page := need(request.Execute())
		for _, each := range page.Items {
			titles = append(titles, each.Title)
		}
		if !page.NextCursor.IsSet() || page.NextCursor.Get() == nil {
			break
		}
		request = request.Cursor(*page.NextCursor.Get())
	}
	check(reflect.DeepEqual(titles, []string{"four", "three", "two"}), titles)
	fmt.Println("pages")
}
