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
	input.SetId("0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11")
	input.SetDescription("text")
	input.SetDueOn("2026-12-01")
	input.SetLabels([]string{"errand", "town"})
	input.SetPriority(api.HIGH)
	input.SetExtra(map[string]any{"color": "green"})
	task := need(tasks.CreateTask(ctx).TaskInput(*input).Execute())
	check(task.Id == input.GetId() && task.Title == "one" && task.GetDescription() == "text", task)
	check(task.GetDueOn() == "2026-12-01" && reflect.DeepEqual(task.Labels, input.Labels), task)
	check(task.Priority == api.HIGH && task.Extra["color"] == "green" && !task.Completed, task)
	fmt.Println("create")

	repeated := need(tasks.CreateTask(ctx).TaskInput(*input).Execute())
	check(reflect.DeepEqual(repeated, task), repeated)
	another := api.NewTaskInput("another")
	another.SetId(task.Id)
	_, _, err := tasks.CreateTask(ctx).TaskInput(*another).Execute()
	check(problemOf(err, 409, api.TASK_EXISTS).Task.Title == "one", err)
	fmt.Println("repeat")

	read := need(tasks.GetTask(ctx, task.Id).Execute())
	check(reflect.DeepEqual(read, task), read)
	fmt.Println("read")

	patch := api.NewTaskPatch()
	patch.SetTitle("two")
	version := fmt.Sprintf("%q", fmt.Sprint(task.Revision))
	renamed := need(tasks.UpdateTask(ctx, task.Id).TaskPatch(*patch).IfMatch(version).Execute())
	check(renamed.Title == "two" && renamed.GetDescription() == "text", renamed)
	fmt.Println("patch without")

	patch = api.NewTaskPatch()
	patch.SetDescriptionNil()
	patch.SetExtra(map[string]any{"color": nil})
	cleared := need(tasks.UpdateTask(ctx, task.Id).TaskPatch(*patch).Execute())
	check(cleared.Title == "two" && cleared.Description.Get() == nil, cleared)
	check(len(cleared.Extra) == 0, cleared.Extra)
	fmt.Println("patch to null")

	patch = api.NewTaskPatch()
	patch.SetTitle("late")
	_, _, err = tasks.UpdateTask(ctx, task.Id).TaskPatch(*patch).IfMatch(version).Execute()
	check(problemOf(err, 412, api.PRECONDITION_FAILED).Task.Title == "two", err)
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

	batch = api.NewTaskBatch([]api.BatchOperation{
		api.RestoreOperationAsBatchOperation(api.NewRestoreOperation("restore", other.Id)),
		api.UpdateOperationAsBatchOperation(update),
	})
	batch.SetMode("each")
	results = need(tasks.BatchTasks(ctx).TaskBatch(*batch).Execute()).Results
	check(results[0].Status == 200 && results[0].GetTask().Title == "other", results)
	check(results[1].Status == 412 && results[1].Problem.Code == api.PRECONDITION_FAILED, results)
	check(results[1].Problem.Task.GetDescription() == "new", results)
	fmt.Println("each")

	check(need(tasks.CompleteTask(ctx, task.Id).Execute()).Completed)
	fmt.Println("complete")

	gone := need(tasks.CreateTask(ctx).TaskInput(*api.NewTaskInput("gone")).Execute())
	for range [2]int{} {
		_, err = tasks.DeleteTask(ctx, gone.Id).IdempotencyKey("a key").Execute()
		check(err == nil, err)
	}
	_, _, err = tasks.GetTask(ctx, gone.Id).Execute()
	problemOf(err, 404, api.TASK_NOT_FOUND)
	fmt.Println("delete")

	check(need(tasks.RestoreTask(ctx, gone.Id).Execute()).Title == "gone")
	fmt.Println("restore")

	labelled := need(tasks.ListTasks(ctx).Label([]string{"errand", "town"}).Execute()).Items
	check(len(labelled) == 1 && labelled[0].Title == "two", labelled)
	fmt.Println("labels")

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
	check(reflect.DeepEqual(titles, []string{"four", "gone", "three", "other", "two"}), titles)
	fmt.Println("pages")
}
